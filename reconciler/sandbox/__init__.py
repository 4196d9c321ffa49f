"""An App Platform in a box: an ASGI app over SQLite, in process or on a port."""

from reconciler.sandbox.box import Sandbox
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.refusal import ConnectionLost
from reconciler.sandbox.settings import SPEEDS, Settings, Speed

__all__ = ["SPEEDS", "ConnectionLost", "Fault", "Sandbox", "Settings", "Speed"]
