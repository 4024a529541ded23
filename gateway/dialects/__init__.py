"""Wire formats as pure code: values in, values out."""
