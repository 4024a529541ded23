"""The operator's view into the running actors."""
