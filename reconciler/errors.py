"""Every exception this project raises on purpose.

::

    ReconcileError                 says what went wrong and how to fix it; the CLI shows it without a traceback
    ├── UsageError                 a flag or combination of flags makes no sense                       exit 64
    ├── InvalidInput               specs or configuration cannot be used; carries findings             exit 3
    ├── PlanMismatch               a saved plan no longer matches Git or App Platform                  exit 7
    ├── Interrupted                stopped by a signal                                                 exit 130
    ├── InternalError              a bug: its type and place, never its message, which may hold a value  exit 1
    └── LiveError                  App Platform could not be reached, or refused                       exit 1
        ├── TransportFailed        no usable answer: connection lost, timed out, not JSON
        ├── AnswerLost             a write may have taken effect, its answer never arrived
        └── ApiError               an answer with an error status
            ├── Unauthorized       401, or 403 for a scope the token lacks
            ├── NotFound           404
            ├── Conflict           409, such as a name that is taken
            ├── Rejected           400 and 422: the platform refuses the request's content
            ├── RateLimited        429 beyond every retry
            └── ServerFailed       5xx

The message of an error never contains a secret: no token, no request body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.findings import Finding


class ReconcileError(Exception):
    """Base of every deliberate error; ``message`` says what went wrong, ``hint`` how to fix it.

    ``exit_code`` is that of a run that it ends.
    """

    exit_code: ClassVar[Exit] = Exit.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def redact(self, within: Callable[[Any], Any]) -> None:
        """Remove secrets from what it says, see `redaction.Redactor.within`; what it is raised from is included."""
        self.message, self.hint, self.args = within(self.message), within(self.hint), within(self.args)
        if isinstance(cause := self.__cause__ or self.__context__, ReconcileError):
            cause.redact(within)

    @property
    def type(self) -> str:
        """The class name for programs, such as ``not_found``; a class outside the tree has its base's."""
        name = next(base.__name__ for base in type(self).__mro__ if base.__module__ == __name__)
        return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class UsageError(ReconcileError):
    """The command line asks for something that makes no sense."""

    exit_code = Exit.USAGE


class InvalidInput(ReconcileError):
    """Specs or configuration that cannot be used; every problem is a finding."""

    exit_code = Exit.INVALID

    def __init__(self, findings: Sequence[Finding], message: str = "", *, hint: str = "") -> None:
        super().__init__(
            message or f"{len(findings)} problem{'s' if len(findings) != 1 else ''} in the input", hint=hint
        )
        self.findings = tuple(findings)

    def redact(self, within: Callable[[Any], Any]) -> None:
        """Remove secrets from what it says and what its findings say."""
        super().redact(within)
        self.findings = within(self.findings)


class PlanMismatch(ReconcileError):
    """The saved plan no longer matches Git or App Platform."""

    exit_code = Exit.REFUSED


class Interrupted(ReconcileError):
    """A signal stopped the run."""

    exit_code = Exit.INTERRUPTED


class InternalError(ReconcileError):
    """A bug of this project."""


class LiveError(ReconcileError):
    """App Platform could not be reached, or refused."""

    def __init__(self, message: str, *, method: str, path: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.method = method
        self.path = path


class TransportFailed(LiveError):
    """No usable answer arrived, even after retries."""


class AnswerLost(LiveError):
    """A write was sent and its answer never arrived: it may or may not have taken effect."""


class ApiError(LiveError):
    """An answer with an error status.

    ``status`` is the HTTP status, ``error_id`` the platform's id (``not_found`` …), ``request_id``
    what the vendor's support asks for; all but the status may be empty, as gateways answer HTML.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str,
        path: str,
        status: int,
        error_id: str = "",
        request_id: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, method=method, path=path, hint=hint)
        self.status = status
        self.error_id = error_id
        self.request_id = request_id


class Unauthorized(ApiError):
    """401, or 403 where the token lacks a scope."""

    @property
    def words(self) -> str:
        """The API's message, and the scope that the token lacks."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409, such as an app name that is taken."""


class Rejected(ApiError):
    """400 or 422: the platform refuses the content of the request."""


class RateLimited(ApiError):
    """429 that outlasted every retry."""


class ServerFailed(ApiError):
    """5xx."""
