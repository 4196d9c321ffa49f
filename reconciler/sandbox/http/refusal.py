"""The ways a request ends without being served."""

from __future__ import annotations


class Refusal(Exception):
    """An answer with an error status: ``{"id", "message", "request_id"}``, ids as the platform has them."""

    def __init__(self, status: int, error_id: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_id = error_id
        self.message = message
        self.headers = headers or {}


class ConnectionLost(ConnectionResetError):
    """The connection broke, on demand.

    In process it leaves the ASGI app as this exception, which ``httpx.ASGITransport`` passes on to the caller; a served
    sandbox really drops the connection.

    ``took_effect`` says whether the request had been carried out by then.
    """

    def __init__(self, *, took_effect: bool) -> None:
        super().__init__("the sandbox broke the connection, as it was told to")
        self.took_effect = took_effect


class Unfit(ValueError):
    """A control was given something that does not fit; says what."""


def not_found() -> Refusal:
    """404 in the platform's words."""
    return Refusal(404, "not_found", "The resource you were accessing could not be found.")


def bad_request(message: str) -> Refusal:
    """400: the request itself makes no sense."""
    return Refusal(400, "bad_request", message)


def conflict(message: str) -> Refusal:
    """409: the app's state or another app stands in the way."""
    return Refusal(409, "conflict", message)
