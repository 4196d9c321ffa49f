"""An App Platform in a box: an ASGI app over SQLite, in process or on a port."""
