"""GET /openapi.json: what is served, described from the route table and one line of words an endpoint."""
