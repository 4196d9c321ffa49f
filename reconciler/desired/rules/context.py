"""Shared by the rules: a spec's components, findings with places, and what is wrong with a text of a given form.

A rule is a function from a `RuleContext` to findings. Rules check what a schema cannot: how parts of a spec relate.
They must accept any document, as they also run if the schema is violated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from reconciler.appspec.kinds import COMPONENT_KINDS, SINGULAR
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Location, Severity
from reconciler.patterns import syntax_error
from reconciler.text import did_you_mean


class Component(NamedTuple):
    """One item of a component list. ``pointer`` leads to it, ``name`` is "" if it has none."""

    kind: str
    pointer: str
    name: str
    data: Mapping[str, Any]

    @property
    def called(self) -> str:
        """As a message names it: ``service 'web'``."""
        return f"{SINGULAR[self.kind]} {self.name!r}" if self.name else f"a {SINGULAR[self.kind]}"


@dataclass(frozen=True, slots=True, eq=False)
class RuleContext:
    """The input of a rule: the spec and its components, with constructors of findings at a place in it.

    ``variables`` are all environment variables, each with its component (None for those of the app) and its pointer.
    """

    app: DesiredApp
    spec: Mapping[str, Any]
    components: tuple[Component, ...]
    variables: tuple[tuple[Component | None, str, Mapping[str, Any]], ...]
    strict: bool = False
    _places: dict[tuple[str, bool], Location] = field(default_factory=dict, repr=False)

    def at(self, pointer: str, *, key: bool = False) -> Location:
        """The place of a pointer in its file."""
        place = (pointer, key)
        if place not in self._places:
            self._places[place] = self.app.locate(pointer, key=key)
        return self._places[place]

    def error(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something that the platform will refuse."""
        return self._finding(Severity.ERROR, code, message, hint, pointer, related)

    def warning(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something that is probably a mistake."""
        return self._finding(Severity.WARNING, code, message, hint, pointer, related)

    def notice(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something worth knowing."""
        return self._finding(Severity.NOTICE, code, message, hint, pointer, related)

    def error_or_warning(self, code: str, message: str, hint: str, pointer: str, *, certain: bool = True) -> Finding:
        """Something that the platform will refuse; a warning if it may take it all the same."""
        severity = Severity.ERROR if certain else Severity.WARNING
        return self._finding(severity, code, message, hint, pointer, ())

    def _finding(
        self, severity: Severity, code: str, message: str, hint: str, pointer: str, related: tuple[str, ...]
    ) -> Finding:
        return Finding(severity, code, message, hint, self.at(pointer), tuple(map(self.at, related)))


Rule = Callable[[RuleContext], Iterable[Finding]]


def context_of(app: DesiredApp, *, strict: bool = False) -> RuleContext:
    """The context of an app."""
    components = tuple(
        Component(kind, pointer, text(item, "name"), item)
        for kind in COMPONENT_KINDS
        for pointer, item in records(app.spec, kind)
    )
    owners = [(None, app.spec, ""), *((one, one.data, one.pointer) for one in components)]
    variables = tuple((one, at, env) for one, data, pointer in owners for at, env in records(data, "envs", pointer))
    return RuleContext(app, app.spec, components, variables, strict)


def records(parent: Any, name: str, pointer: str = "") -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The mappings in a list field of a mapping, each with its pointer; none if the field is anything else."""
    items = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(items, list):
        return ()
    return [(f"{pointer}/{name}/{index}", item) for index, item in enumerate(items) if isinstance(item, dict)]


def mapping(parent: Any, name: str) -> Mapping[str, Any]:
    """A mapping field of a mapping; empty if it is anything else."""
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def text(parent: Any, name: str) -> str:
    """A text field of a mapping; empty if it is anything else."""
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, str) else ""


def literal(parent: Any, name: str) -> str:
    """A text field of a mapping that is final: empty if a variable is still to be put into it."""
    value = text(parent, name)
    return "" if "${" in value else value


# --- Texts with a form of their own: cron expressions, time zones, durations, regular expressions, image names ---
#
# Each function returns what is wrong with the text of a field, or None. Sources: Go's ``time.ParseDuration`` (the
# platform and its clients are written in Go), the vendor's description (``regex`` is RE2's syntax), the OCI's
# distribution specification (names and tags of images), IANA's zones in `tzdata`.


_DURATION = re.compile(r"[-+]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_EXTENDED_CRON = re.compile(r"\s*(?:@|(?:CRON_)?TZ=)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

REGISTRY_HOSTS = {
    "docker.io": "DOCKER_HUB",
    "index.docker.io": "DOCKER_HUB",
    "registry-1.docker.io": "DOCKER_HUB",
    "registry.hub.docker.com": "DOCKER_HUB",
    "ghcr.io": "GHCR",
    "registry.digitalocean.com": "DOCR",
}
"""The addresses of the registries that App Platform pulls from, with their types."""


class Malformed(NamedTuple):
    """What is wrong with a text, and how to write it.

    ``certain`` is False where another reader takes what ours does not: the platform's is not known in every detail.
    """

    message: str
    hint: str
    certain: bool = True


def wrong_cron(text: str) -> Malformed | None:
    """A cron expression of five fields. ``@daily``, ``?``, seconds and zones are understood by some readers only."""
    from cronsim import CronSim, CronSimError

    hint = 'write minute, hour, day, month and weekday, such as "0 3 * * *"'
    fields = text.split()
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        certain = not (_EXTENDED_CRON.match(text) or "?" in text or len(fields) in (6, 7))
        return Malformed(str(error).lower(), hint, certain)
    return None if len(fields) == 5 else Malformed(f"{len(fields)} fields", hint, certain=False)


def wrong_time_zone(text: str) -> Malformed | None:
    """A zone of IANA's database; an empty one is the default."""
    if not text or text in zones():
        return None
    return Malformed("no such time zone", did_you_mean(text, zones(), "write its IANA name, such as Europe/Berlin"))


@cache
def zones() -> frozenset[str]:
    """The names of all time zones. They come from the package `tzdata`: a slim machine has no zones of its own."""
    from importlib.resources import files

    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def wrong_duration(text: str) -> Malformed | None:
    """A duration such as ``5h30m`` or ``1.5s``; in a number without a unit, seconds are probably meant."""
    if not text or _DURATION.fullmatch(text):
        return None
    if text.isdecimal():
        return Malformed("it has no unit", f"write {text}s for seconds", certain=False)
    return Malformed("it is not a duration", "write hours, minutes and seconds, such as 1h30m or 90s")


def wrong_pattern(text: str) -> Malformed | None:
    """A regular expression in RE2's syntax."""
    why, _, hint = syntax_error(text).partition("; ")
    return Malformed(why, hint or "see https://github.com/google/re2/wiki/Syntax") if why else None


def wrong_tag(text: str) -> Malformed | None:
    """A tag of an image."""
    if _TAG.fullmatch(text):
        return None
    hint = "use letters, digits and . _ -, at most 128"
    return (
        Malformed("it is a digest", f"write `digest: {text}`")
        if is_digest(text)
        else Malformed("it is not a tag", hint)
    )


def is_digest(text: str) -> bool:
    """Whether a text is the digest of an image."""
    return _DIGEST.fullmatch(text) is not None
