"""Writes for the runner: outputs, the summary, masked values, and a log without workflow commands.

Formats and limits: "Workflow commands for GitHub Actions" of GitHub's documentation.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import ReconcileError
from reconciler.github.report import escape_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SUMMARY_BYTES = 1024 * 1024
"""A step's summary may have 1 MiB; a larger one is discarded with an error annotation."""

_SMALLEST = 2_000


def output_lines(values: Mapping[str, str], token: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """The text for ``GITHUB_OUTPUT``; each value between two lines of a random delimiter that it does not contain.

    A value that contains a fixed delimiter could end early and set other outputs.
    """
    parts = []
    for name, value in values.items():
        word = f"reconcile_{token()}"
        while word in value:
            word = f"reconcile_{token()}"
        parts.append(f"{name}<<{word}\n{value}\n{word}\n")
    return "".join(parts)


def write_outputs(path: str, values: Mapping[str, str]) -> None:
    """Append the outputs to the runner's file; without a path there is no runner and nothing to do.

    Raises:
        ReconcileError: the file cannot be written.
    """
    if path:
        _append(path, output_lines(values))


def write_summary(path: str, render: Callable[[int], str]) -> None:
    """Append ``render``'s text to the step's summary, within the size the step has left.

    Raises:
        ReconcileError: the file cannot be written.
    """
    if not path:
        return
    file = Path(path)
    left = SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0) - 1
    text = fitted(render, left, lambda text: len(text.encode("utf-8", "replace")))
    if text:
        _append(path, text.rstrip("\n") + "\n")


def fitted(render: Callable[[int], str], limit: int, measure: Callable[[str], int]) -> str:
    """The longest rendering that measures at most ``limit``; empty if even the shortest is too long.

    ``render`` takes a limit in characters, each of which may measure more than one.
    """
    asked = limit
    while asked >= min(_SMALLEST, limit) and asked > 0:
        text = render(asked)
        if measure(text) <= limit:
            return text
        asked //= 2
    return ""


def mask_lines(values: Iterable[str]) -> list[str]:
    """The commands that mask values; also each line of a multi-line one, as the log is matched by line."""
    pieces = dict.fromkeys(piece for value in values for piece in [value, *value.splitlines()] if piece.strip())
    return [f"::add-mask::{escape_data(piece)}" for piece in pieces]


def inert_log(text: str, token: Callable[[], str] = lambda: secrets.token_hex(16)) -> list[str]:
    """Lines for the log in which ``::command::`` has no effect: a spec may contain one."""
    if not text:
        return []
    word = f"reconcile_{token()}"
    return [f"::stop-commands::{word}", text, f"::{word}::"]


def group(title: str, text: str) -> list[str]:
    """Lines for the log that are folded under a title; nothing in them is a command."""
    return [f"::group::{escape_data(title)}", *inert_log(text), "::endgroup::"]


def _append(path: str, text: str) -> None:
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise ReconcileError(f"cannot write the runner's file {path}: {error.strerror}") from error
