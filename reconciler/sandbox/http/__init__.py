"""The sandbox over HTTP: requests, limits, what is refused, and the control API."""
