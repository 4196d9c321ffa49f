"""What an error of a write means: it was refused and had no effect, or nobody can tell."""

from __future__ import annotations

from reconciler.errors import (
    AnswerLost,
    Conflict,
    LiveError,
    NotFound,
    RateLimited,
    ServerFailed,
    TransportFailed,
    Unauthorized,
)
from reconciler.rollout.state import Lost, Refusal, Refused


def fate(problem: LiveError, *, creating: bool = False) -> Lost | Refused:
    """A lost answer, any 5xx and a broken connection are looked into; every other error is a refusal."""
    match problem:
        case AnswerLost() | ServerFailed() | TransportFailed():
            return Lost(problem.message)
        case NotFound():
            return Refused(problem.message, Refusal.GONE)
        case Conflict() if creating:
            return Refused(problem.message, Refusal.TAKEN)
        case Unauthorized() | RateLimited():
            return Refused(problem.message, Refusal.ACCESS)
        case _:
            return Refused(problem.message)
