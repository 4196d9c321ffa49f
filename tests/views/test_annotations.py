"""Workflow commands, read back as GitHub's runner reads them."""

import pytest
from hypothesis import given, settings

from reconciler.findings import Finding, Location, Severity
from reconciler.views import annotations
from reconciler.views.lines import inert
from tests.views import samples


def unescaped(text, pairs):
    for written, meant in (*pairs, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(written, meant)
    return text


def read(line):
    """(kind, properties, data) of a command, by the rules of actions/runner's ActionCommand."""
    assert line.startswith("::")
    info, data = line[2:].split("::", 1)
    kind, _, told = info.partition(" ")
    pairs = dict(part.split("=", 1) for part in told.split(",") if part)
    properties = {key: unescaped(value, (("%3A", ":"), ("%2C", ","))) for key, value in pairs.items()}
    return kind, properties, unescaped(data, ())


def test_a_finding_stands_at_its_line():
    found = Finding(Severity.ERROR, "bad-port", "100% wrong: 0", "use 1, 2\nor 3", Location("specs/a,b:c.yaml", 3, 7))
    line = annotations.annotations([found])
    assert line == ("::error file=specs/a%2Cb%3Ac.yaml,line=3,col=7,title=bad-port::100%25 wrong: 0%0Ause 1, 2\\nor 3")
    assert read(line) == (
        "error",
        {"file": "specs/a,b:c.yaml", "line": "3", "col": "7", "title": "bad-port"},
        "100% wrong: 0\nuse 1, 2\\nor 3",
    )


def test_a_finding_without_a_place_has_no_file():
    assert annotations.annotations([Finding(Severity.NOTICE, "n", "m")]) == "::notice title=n::m"


def test_no_findings_are_no_commands():
    assert annotations.annotations([]) == ""


@settings(max_examples=100, deadline=None)
@given(samples.hostile_findings)
def test_the_runner_reads_back_what_was_meant(found):
    lines = annotations.annotations(found).splitlines()
    told = sorted((kind, data.split("\n")[0]) for kind, _, data in map(read, lines))
    assert told == sorted((finding.severity.value, inert(finding.message)) for finding in found)
    files = {properties.get("file") for _, properties, _ in map(read, lines)}
    assert files - {None} == {inert(finding.location.file) for finding in found if finding.location}


@pytest.mark.parametrize(("errors", "lines", "last"), [(10, 10, "m10"), (11, 10, "+2 more errors, see the log")])
def test_of_each_kind_ten_are_told_and_the_last_says_how_many_more(errors, lines, last):
    found = [Finding(Severity.ERROR, "e", f"m{n}", location=Location("a.yaml", n, 1)) for n in range(1, errors + 1)]
    told = annotations.annotations([*found, Finding(Severity.WARNING, "w", "one")]).splitlines()
    assert len(told) == lines + 1
    assert read(told[lines - 1])[2] == last
    assert read(told[-1])[0] == "warning"


def test_findings_with_a_place_are_told_before_those_without():
    placed = Finding(Severity.ERROR, "e", "placed", location=Location("z.yaml", 1, 1))
    found = [*(Finding(Severity.ERROR, "e", f"nowhere {n}") for n in range(20)), placed]
    assert read(annotations.annotations(found).splitlines()[0])[2] == "placed"
