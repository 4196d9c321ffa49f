"""What the suite remembers of signatures changes nothing of what a command line means."""

from __future__ import annotations

import pytest
from cyclopts import Argument, ArgumentCollection, CycloptsError

from reconciler.cli.commands import build
from tests.support import parsing

LINES = (
    ["--plan", "--sandbox", "--format", "json", "specs"],
    ["--app", "a", "--app", "b", "--only-changed", "main", "one", "two"],
    ["status", "web", "--format", "json"],
    ["rollback", "web", "--commit"],
    ["sandbox", "set", "seed=1"],
    ["--plna"],
    ["--format", "xml"],
)


def parsed(line: list[str]) -> str:
    try:
        command, bound, _ = build().parse_args(line, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return f"{type(error).__name__}: {error}"
    return f"{command.__name__}{bound.arguments}"


def test_a_command_line_is_parsed_as_the_library_does_however_many_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = [[parsed(line) for line in LINES] for _ in range(2)]
    monkeypatch.setattr(ArgumentCollection, "_from_callable", parsing._read_signature)
    for name, read in parsing._NEGATIVE.items():
        monkeypatch.setattr(Argument, name, read)
    assert remembered == [[parsed(line) for line in LINES]] * 2
    assert len(set(remembered[0])) == len(LINES)
