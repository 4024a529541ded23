"""HTTP/1.1 on Trio with httptools: the server in front and the client towards providers."""
