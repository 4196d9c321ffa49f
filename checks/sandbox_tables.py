"""Generate the tables of docs/sandbox.md from the code that they describe.

    python -m checks.sandbox_tables docs/sandbox.md

rewrites each table between its two markers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from reconciler.sandbox.api import FURTHER_OPERATIONS, OPERATIONS
from reconciler.sandbox.http.request import Operation
from reconciler.sandbox.settings import CHOICES, EVIDENCE, describe

_MARKED = re.compile(r"(<!-- (\w+): [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)


def operations(served_ones: Sequence[Operation] = OPERATIONS) -> str:
    """Every operation: its id, request, token scope, and how it is served."""
    rows = []
    for item in served_ones:
        summary = (item.serve.__doc__ or "").partition("\n")[0]
        _, _, rest = summary.partition(": ")
        served = f"served: {rest.rstrip('.')}" if rest else "served"
        rows.append((f"`{item.id}`", f"`{item.method} {item.path}`", f"`{item.scope}`", served))
    return _table(("operation", "request", "scope", "here"), rows)


def further() -> str:
    """The same for the operations that the description lacks."""
    return operations(FURTHER_OPERATIONS)


def settings() -> str:
    """Every setting with its default, its meaning, and the evidence for a default that is the platform's."""
    rows = []
    for name, default, doc in describe():
        choices = f" ({', '.join(map(str, CHOICES[name]))})" if name in CHOICES else ""
        rows.append(
            (f"`{name}`", f"`{default}`" if default else "", doc + choices, EVIDENCE.get(name, "the sandbox's own"))
        )
    return _table(("setting", "default", "meaning", "evidence for the default"), rows)


def current(document: str) -> str:
    """The document with up-to-date tables.

    Raises:
        KeyError: a marker names no table.
    """
    made = {"operations": operations, "further": further, "settings": settings}
    return _MARKED.sub(lambda match: f"{match[1]}\n{made[match[2]]()}\n{match[3]}", document)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(current(file.read_text(encoding="utf-8")), encoding="utf-8")
