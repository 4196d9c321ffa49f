"""A simulated App Platform: an ASGI app over SQLite, used in process or served on a port."""

from reconciler.sandbox.http.gateway import ConnectionLost
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.settings import SPEEDS, Settings, Speed
from reconciler.sandbox.simulation.faults import Fault

__all__ = ["SPEEDS", "ConnectionLost", "Fault", "Sandbox", "Settings", "Speed"]
