"""The other client towards providers, for those behind a proxy or over HTTP/2: httpx's transport on our own network.

What is used of httpx is its lowest layer, httpcore: one pool of one connection each (`lanes.py`), so that every
decision about connections is ours and made without an await. Its own pool loses places when a request is cancelled,
and its cost grows with the square of the busy connections.
"""
