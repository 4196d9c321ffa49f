"""The certificates of the public authorities, read once: httpx reads them in 20 ms for each of hundreds of clients.

No test talks to a server that one of them certifies; a file of certificates that a test names is read each time.
httpx reads the file that ``SSL_CERT_FILE`` names in place of certifi's.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

import certifi

_read = ssl.create_default_context
_FILES = (certifi.where(), os.environ.get("SSL_CERT_FILE"))


@cache
def _public(cafile: str) -> ssl.SSLContext:
    return _read(cafile=cafile)


def _context(*purpose: ssl.Purpose, **files: Any) -> ssl.SSLContext:
    public = not purpose and files.keys() == {"cafile"} and files["cafile"] in _FILES
    return _public(files["cafile"]) if public else _read(*purpose, **files)


def read_public_authorities_once() -> None:
    """Let every client that names no certificates share those of the public authorities."""
    ssl.create_default_context = _context
