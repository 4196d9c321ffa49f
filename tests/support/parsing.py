"""The parser of arguments for a process that runs the command a thousand times: the same result in 9 ms, not in 22.

Cyclopts reads the signature of a command twice for each command line, first for the groups of its flags alone, and has
pydantic check each value once more if anything has imported pydantic. In a process of its own the command parses its
arguments before it imports pydantic, so that nothing is checked twice there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclopts import Group, Parameter
from cyclopts.argument import _argument, _collection

_read_groups = _collection._resolve_groups_from_callable
_groups: dict[tuple[object, ...], list[Group]] = {}


def _remembered(command: Callable[..., Any], *defaults: Parameter | None, **groups: Group | None) -> list[Group]:
    key = (command, defaults, *sorted(groups.items()))
    if key not in _groups:
        _groups[key] = _read_groups(command, *defaults, **groups)
    return [*_groups[key]]


def parse_as_in_a_process_of_its_own() -> None:
    """Remember the groups of a command's flags, and leave pydantic to those who import it."""
    _collection._resolve_groups_from_callable = _remembered
    _argument.parse_version = lambda _: (1,)  # of pydantic: cyclopts checks with version 2 alone
