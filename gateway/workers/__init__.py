"""Several processes behind one port: the parent that keeps them, and what each of them knows of its place."""
