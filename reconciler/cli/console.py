"""Where text leaves the process: every line goes through the redactor."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from reconciler.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.cli.options import Output


_secrets: set[str] = set()
"""Every secret this process has met. Errors are told when no console is at hand any more, and never with one."""


def redacted(text: str) -> str:
    """The text without any secret that this process has met."""
    return Redactor(_secrets)(text)


class Console:
    """Standard output for results, standard error for what is said about them."""

    def __init__(self, output: Output, environ: Mapping[str, str] = os.environ) -> None:
        self.format = output.format
        self.verbose = output.verbose
        self.color = _color(output.color, environ, sys.stdout)
        self.width = max(60, min(160, shutil.get_terminal_size((100, 24)).columns))
        self.redact = Redactor()

    def keep_secret(self, values: Iterable[str]) -> None:
        """From now on these values never leave."""
        _secrets.update(values)
        self.redact = Redactor(_secrets)

    def out(self, text: str) -> None:
        """A result."""
        print(self.redact(text), file=sys.stdout, flush=True)

    def err(self, text: str) -> None:
        """Something about the run: an error, a hint, progress."""
        print(self.redact(text), file=sys.stderr, flush=True)

    def waiting(self, seconds: float, why: str) -> None:
        """A pause that a person would wonder about."""
        self.err(f"waiting {seconds:.0f} s: {why}")

    @property
    def live(self) -> bool:
        """Whether progress can be drawn in place: a person watches."""
        return self.format == "text" and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _color(wish: str, environ: Mapping[str, str], stream: TextIO) -> bool:
    """Colour on a terminal, unless NO_COLOR (https://no-color.org) says otherwise."""
    if wish != "auto":
        return wish == "always"
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
