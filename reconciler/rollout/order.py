"""The order of apps: which wait for which, and circles among them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Severity


def find_circle(depends_on: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The first circle, such as ``("api", "web", "api")``; empty when there is none. Unknown names wait for nothing."""
    settled: set[str] = set()
    for start in depends_on:
        path: list[str] = []
        rest = [iter((start,))]
        while rest:
            name = next(rest[-1], None)
            if name is None:
                rest.pop()
                if path:
                    settled.add(path.pop())
            elif name in path:
                return (*path[path.index(name) :], name)
            elif name not in settled:
                path.append(name)
                rest.append(iter(tuple(depends_on.get(name, ()))))
    return ()


def check_order(depends_on: Mapping[str, Iterable[str]]) -> None:
    """Refuse circles.

    Raises:
        InvalidInput: apps depend on each other in a circle, which is shown.
    """
    circle = find_circle(depends_on)
    if circle:
        told = " → ".join(circle)
        finding = Finding(
            Severity.ERROR,
            "depends-on-circle",
            f"apps depend on each other in a circle: {told}",
            "break it in depends_on",
        )
        raise InvalidInput([finding], f"apps depend on each other in a circle: {told}", hint="break it in depends_on")
