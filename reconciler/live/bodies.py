"""The bodies of answers, bounded: whatever a server sends or promises, so many bytes are kept and no more.

Only gzip is asked for, and it is unpacked in pieces: an answer of a few kilobytes may unpack to gigabytes.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MOST = 64 << 20
"""Bytes of an answer of the API, unpacked; a page of 200 large apps takes a tenth of that."""

PIECE = 64 << 10
"""Bytes that are unpacked at a time."""

ACCEPTED = {"Accept-Encoding": "gzip"}
"""The header of every request, so that nothing arrives that `pieces` cannot unpack."""

_PACKED = ("gzip", "x-gzip", "deflate")


class TooLarge(httpx.DecodingError):
    """An answer is larger than any answer of the platform is."""


async def pieces(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The body in pieces of at most `PIECE` bytes, or as they came where they are not packed.

    Raises:
        httpx.DecodingError: it does not unpack.
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
                raise httpx.DecodingError("the answer does not unpack") from None
            yield piece
            rest = unpack.unconsumed_tail


async def whole(response: httpx.Response) -> httpx.Response:
    """The same answer with its body read and unpacked.

    Raises:
        TooLarge: there are more than `MOST` bytes of it.
        httpx.DecodingError: it does not unpack.
    """
    body = bytearray()
    async with contextlib.aclosing(pieces(response)) as parts:
        async for piece in parts:
            body += piece
            if len(body) > MOST:
                raise TooLarge(f"the answer is larger than {MOST >> 20} MiB")
    as_sent = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in as_sent]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body))
