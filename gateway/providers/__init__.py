"""Providers as data: host, auth, dialect, quirks; and the table that routes models to them."""
