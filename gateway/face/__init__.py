"""The HTTP API that clients see: a Quart-Trio app, with a short way for its hot routes."""
