"""Write docs/findings.md, a section for every finding code: `python -m checks.finding_pages` after a change of either.

The entries are in `checks/findings/`. What a section shows as output is what the command prints for the example: an
example that does not yield its code, or one that still does once it is fixed, ends the generation.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from checks.finding_shell import shell

HERE = Path(__file__).parent / "findings"
PAGE = Path(__file__).parents[1] / "docs/findings.md"

TOPICS = {
    "files": "Reading files",
    "fields": "Fields and values",
    "names": "Names",
    "sources": "Sources",
    "components": "Components",
    "routing": "Routing",
    "variables": "Variables and secrets",
    "policies": "Policies",
    "environments": "Environments",
    "config": "Configuration",
    "plan": "Plan",
    "rollout": "Rollout",
}
"""The files of entries in the order of the page, and what the page calls them."""

INTRODUCTION = """\
<!-- Written by `python -m checks.finding_pages` from checks/findings/. -->

# Findings

Everything `reconcile` finds in specs, in the configuration, in a plan or in a rollout has a code: in brackets after the
message, as `code` in JSON, as the rule in SARIF, as the title of a workflow annotation. Codes do not change.

An **error** stops the run before anything is changed; an error of the [rollout](#rollout) says how an app's rollout
ended. A **warning** is most likely a mistake, a **notice** is worth knowing; neither stops anything.

The output below each example is what the command prints; `…` replaces other lines. Examples that need App Platform run
on the [embedded sandbox](sandbox.md), so you can run them as they are.
"""

Severity = Literal["error", "warning", "notice"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Strict):
    """Files and commands. ``edits`` are the replacements that fix it, ``instead`` the commands that do.

    ``text`` introduces it. ``besides`` are other codes that come with this one. For ``rewritten`` see `shell`.
    """

    text: str = ""
    spec: str = ""
    config: str = ""
    files: dict[str, str] = {}
    encoding: str = "utf-8"
    run: Annotated[list[str], BeforeValidator(_listed)] = ["reconcile validate"]
    besides: list[str] = []
    rewritten: dict[str, str] = {}
    edits: list[tuple[str, str]] = []
    instead: Annotated[list[str], BeforeValidator(_listed)] = []

    @property
    def texts(self) -> dict[str, str]:
        """The files by path."""
        named = {"specs/web.yaml": self.spec, "reconcile.yaml": self.config}
        return {path: text for path, text in named.items() if text} | self.files

    @property
    def fixed(self) -> Example:
        """The same with its edits made, as UTF-8.

        Raises:
            ValueError: the text that an edit replaces is in no place, or in several.
        """
        texts = self.texts
        for old, new in self.edits:
            places = [path for path, text in texts.items() for _ in range(text.count(old))]
            if len(places) != 1:
                raise ValueError(f"{old!r} is in no one place: {places}")
            texts[places[0]] = texts[places[0]].replace(old, new)
        fixed = {"spec": "", "config": "", "files": texts, "encoding": "utf-8", "run": self.instead or self.run}
        return self.model_copy(update=fixed)


class Entry(_Strict):
    """What a code means, and how to fix it. ``unreached``: why no example can show it."""

    code: str
    severity: Annotated[list[Severity], BeforeValidator(_listed)]
    means: str
    examples: list[Example] = []
    fix: str
    unreached: str = ""

    @property
    def anchor(self) -> str:
        """What the link to the section ends with, as `views.sarif` makes it: of ``policy:NAME`` what is constant."""
        return self.code.partition(":")[0]


@dataclass(frozen=True)
class Shown:
    """A finding as it was printed."""

    severity: str
    code: str
    lines: tuple[str, ...]


@cache
def entries() -> dict[str, tuple[str, Entry]]:
    """Topic and entry of each code.

    Raises:
        ValueError: two entries have one code.
    """
    found: dict[str, tuple[str, Entry]] = {}
    for stem, topic in TOPICS.items():
        for data in yaml.load((HERE / f"{stem}.yaml").read_bytes(), yaml.CSafeLoader):
            entry = Entry.model_validate(data)
            if entry.anchor in found:
                raise ValueError(f"{stem}.yaml: a second entry for {entry.code}")
            found[entry.anchor] = (topic, entry)
    return found


def page() -> str:
    """The whole page."""
    return assembled({anchor: section(entry) for anchor, (_, entry) in entries().items()})


def assembled(sections: dict[str, str]) -> str:
    """The page of these sections."""
    parts = [INTRODUCTION, "| topic | code | severity | meaning |\n| --- | --- | --- | --- |"]
    before = ""
    for anchor, (topic, entry) in entries().items():
        shown = f"[{topic}](#{_slug(topic)})" if topic != before else ""
        brief = re.split(r"(?<=\.) ", _one_line(entry.means))[0]
        parts.append(f"| {shown} | [`{entry.code}`](#{anchor}) | {', '.join(entry.severity)} | {brief} |")
        before = topic
    text, before = "\n".join(parts) + "\n", ""
    for anchor, (topic, _) in entries().items():
        text += (f"\n## {topic}\n" if topic != before else "") + "\n" + sections[anchor]
        before = topic
    return text


def section(entry: Entry) -> str:
    """The section of an entry, with what its examples print.

    Raises:
        ValueError: an example does not show what the entry says.
    """
    parts = [f"### `{entry.anchor}`", f"**{'**, **'.join(entry.severity)}** · {_one_line(entry.means)}"]
    severities: set[str] = set()
    for example in entry.examples:
        found = _shown(entry, example)
        severities |= {one.severity for one in found}
        parts += _blocks(example, found)
    if not entry.unreached and severities != set(entry.severity):
        raise ValueError(f"{entry.code}: the examples show {sorted(severities)}, the entry says {entry.severity}")
    parts += [entry.unreached] if entry.unreached else []
    parts.append(f"**How to fix it:** {_one_line(entry.fix)}")
    for example in entry.examples:
        if example.edits or example.instead or example.encoding != "utf-8":
            _check_fix(entry, example)
            parts += _fixes(example)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _shown(entry: Entry, example: Example) -> list[Shown]:
    """What an example finds of the entry's code."""
    out, _ = _printed(example)
    found = list(findings(out))
    mine = [one for one in found if one.code.partition(":")[0] == entry.anchor]
    strange = {one.code for one in found} - {one.code for one in mine} - set(example.besides)
    if not mine or strange:
        raise ValueError(f"{entry.code}: an example finds {sorted({one.code for one in found})}:\n{out}")
    return mine


def _check_fix(entry: Entry, example: Example) -> None:
    out, exit_code = _printed(example.fixed)
    if exit_code or entry.anchor in {one.code.partition(":")[0] for one in findings(out)}:
        raise ValueError(f"{entry.code}: the fix is none:\n{out}")


def _printed(example: Example) -> tuple[str, int]:
    """What an example's last `reconcile` prints, and its exit code."""
    files = {path: text.encode(example.encoding) for path, text in example.texts.items()}
    with shell(files, example.rewritten) as made:
        if any("sandbox" in line for line in example.run):
            made.run(["reconcile sandbox set seed=1"])
        return made.run(example.run), made.exit_code


_TEXT = re.compile(r"( *)(?:\S.*?: )?(error|warning|notice): .* \[([^\[\]]+)\]")
_ANNOTATION = re.compile(r"::(error|warning|notice) (?:[^:]*,)?title=([^,:]+)::.*")


def findings(out: str) -> Iterator[Shown]:
    """The findings in what a command printed: as text with what is indented below, else as annotations in one line."""
    lines = out.splitlines()
    texts = [line for line in lines if _TEXT.fullmatch(line)]
    for number, line in enumerate(lines):
        if not texts and (match := _ANNOTATION.fullmatch(line)):
            yield Shown(match[1], match[2].replace("%3A", ":"), (line,))
        elif match := _TEXT.fullmatch(line):
            below = []
            for other in lines[number + 1 :]:
                if not other.startswith(match[1] + "    "):
                    break
                below.append(other)
            yield Shown(match[2], match[3], tuple(one.removeprefix(match[1]) for one in (line, *below)))


def _blocks(example: Example, found: list[Shown]) -> Iterator[str]:
    """The files and the transcript of an example."""
    if example.text:
        yield _one_line(example.text)
    for path, text in example.texts.items():
        yield f"`{path}`:"
        yield f"```{'json' if path.endswith('.json') else 'yaml'}\n{text.rstrip()}\n```"
    printed = dict.fromkeys(line for one in found for line in one.lines)
    elided = ["…"] if any("sandbox" in line for line in example.run) else []
    yield "\n".join(["```console", *(f"$ {line}" for line in example.run), *elided, *printed, "```"])


def _fixes(example: Example) -> Iterator[str]:
    """The lines that an example's fix changes, or the commands that it is."""
    fixed = example.fixed.texts
    for path, text in example.texts.items():
        diff = list(difflib.unified_diff(text.splitlines(), fixed[path].splitlines(), lineterm="", n=1))[3:]
        if diff:
            if len(fixed) > 1:
                yield f"`{path}`:"
            yield "\n".join(["```diff", *("@@" if line.startswith("@@") else line for line in diff), "```"])
    if example.instead:
        yield "\n".join(["```console", *(f"$ {line}" for line in example.instead), "```"])


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
