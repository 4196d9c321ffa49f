"""The parser of arguments for a process that runs the command a thousand times: the same result in 3 ms, not in 22.

Cyclopts reads the signature of a command twice for each command line, first for the groups of its flags alone, and has
pydantic check each value once more if anything has imported pydantic. In a process of its own the command parses its
arguments before it imports pydantic, so that nothing is checked twice there.

What a signature says is the same for each command line: it is read once, and each command line gets a copy that nothing
was parsed into yet.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from cyclopts import Argument, ArgumentCollection, Group, Parameter
from cyclopts.argument import _argument, _collection

_read_groups = _collection._resolve_groups_from_callable
_read_signature = ArgumentCollection._from_callable
_groups: dict[tuple[object, ...], list[Group]] = {}
_signatures: dict[tuple[object, ...], ArgumentCollection] = {}
_NEGATIVE = {name: vars(Argument)[name] for name in ("negatives", "_negatives_hint")}
"""What negates an argument: each look at its names asks for it."""


def _remembered(command: Callable[..., Any], *defaults: Parameter | None, **groups: Group | None) -> list[Group]:
    key = (command, defaults, *sorted(groups.items()))
    if key not in _groups:
        _groups[key] = _read_groups(command, *defaults, **groups)
    return [*_groups[key]]


def _copied(
    command: Callable[..., Any], *defaults: Parameter | None, reserved: Iterable[str] | None = None, **how: Any
) -> ArgumentCollection:
    short = tuple(reserved or ())
    key = (command, defaults, short, *sorted(how.items()))
    if key not in _signatures:
        _signatures[key] = _read_signature(command, *defaults, reserved=short, **how)
    return _unparsed(_signatures[key])


def _unparsed(read: ArgumentCollection) -> ArgumentCollection:
    """The same arguments without what a command line makes of them: tokens and values are an argument's own."""
    copies: dict[int, Argument] = {id(one): copy.copy(one) for one in read}
    for one in copies.values():
        one.tokens = []
        one.children = ArgumentCollection(copies[id(child)] for child in one.children)
    return ArgumentCollection(copies[id(one)] for one in read)


def _kept(read: property) -> property:
    """The property, read once for all copies of an argument: they share what decides it, which is kept with it.

    So no other object gets the ids.
    """
    known: dict[tuple[int, int], tuple[object, object, Any]] = {}

    def get(one: Argument) -> Any:
        key = (id(one.parameter), id(one.field_info))
        if key not in known:
            known[key] = (one.parameter, one.field_info, read.__get__(one))
        return known[key][2]

    return property(get)


def parse_as_in_a_process_of_its_own() -> None:
    """Remember what signatures say, and leave pydantic to those who import it."""
    _collection._resolve_groups_from_callable = _remembered
    ArgumentCollection._from_callable = _copied
    for name, read in _NEGATIVE.items():
        setattr(Argument, name, _kept(read))
    _argument.parse_version = lambda _: (1,)  # of pydantic: cyclopts checks with version 2 alone
