"""Reads response bodies with a limit: whatever a server sends or announces, only so many bytes are kept.

Only gzip is accepted, and it is decompressed in pieces: a few kilobytes may decompress to gigabytes.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MOST = 64 << 20
"""Maximum size of an API response in bytes, decompressed; a page of 200 large apps takes a tenth of that."""

PIECE = 64 << 10
"""Bytes to decompress at a time."""

ACCEPTED = {"Accept-Encoding": "gzip"}
"""The header of every request, so that nothing arrives that `pieces` cannot decompress."""

_PACKED = ("gzip", "x-gzip", "deflate")


class TooLarge(httpx.DecodingError):
    """A response is larger than any of the platform's."""


async def pieces(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The body in pieces of at most `PIECE` bytes, or as received if it is not compressed.

    Raises:
        httpx.DecodingError: it cannot be decompressed.
    """
    assert isinstance(response.stream, httpx.AsyncByteStream)
    if response.headers.get("content-encoding", "").strip().lower() not in _PACKED:
        async for part in response.stream:
            yield part
        return
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip and zlib alike
    async for part in response.stream:
        rest = part
        while rest:
            try:
                piece = unpack.decompress(rest, PIECE)
            except zlib.error:
                raise httpx.DecodingError("the response cannot be decompressed") from None
            yield piece
            rest = unpack.unconsumed_tail


async def whole(response: httpx.Response) -> httpx.Response:
    """The same response with its body read and decompressed.

    Raises:
        TooLarge: it is larger than `MOST` bytes.
        httpx.DecodingError: it cannot be decompressed.
    """
    body = bytearray()
    async with contextlib.aclosing(pieces(response)) as parts:
        async for piece in parts:
            body += piece
            if len(body) > MOST:
                raise TooLarge(f"the response is larger than {MOST >> 20} MiB")
    as_sent = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in as_sent]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body))
