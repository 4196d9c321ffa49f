"""The sandbox over HTTP: requests, errors, limits, injected faults, and the control API."""
