"""The certificates of the public authorities, read once: httpx reads them in 20 ms for each of hundreds of clients.

No test talks to a server that one of them certifies; a file of certificates that a test names is read each time.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import certifi

_read = ssl.create_default_context
_public = cache(lambda: _read(cafile=certifi.where()))


def _context(*purpose: ssl.Purpose, **files: Any) -> ssl.SSLContext:
    return _public() if not purpose and files == {"cafile": certifi.where()} else _read(*purpose, **files)


def read_public_authorities_once() -> None:
    """Let every client that names no certificates share those of the public authorities."""
    ssl.create_default_context = _context
