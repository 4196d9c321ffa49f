"""An App Platform in a sandbox: an ASGI app over SQLite, in process or on a port."""

from reconciler.sandbox.http.gateway import ConnectionLost
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.settings import SPEEDS, Settings, Speed
from reconciler.sandbox.simulation.faults import Fault

__all__ = ["SPEEDS", "ConnectionLost", "Fault", "Sandbox", "Settings", "Speed"]
