"""Texts with a form of their own: cron expressions, time zones, durations, regular expressions, image names. Pure.

Each function takes the text of a field and returns what is wrong with it, or None. `Malformed.certain` is False where
another reader of such texts takes what ours does not: the platform's reader is not known in every detail.

Sources: Go's ``time.ParseDuration`` (the platform and its clients are written in Go), the vendor's description
(``regex`` is RE2's syntax), the OCI distribution specification (names and tags of images), IANA's zones in `tzdata`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from reconciler.patterns import syntax_error
from reconciler.text import did_you_mean

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
    """What is wrong with a text, and how to write it."""

    message: str
    hint: str
    certain: bool = True


def cron(text: str) -> Malformed | None:
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


def time_zone(text: str) -> Malformed | None:
    """A zone of IANA's database; an empty one is the default."""
    if not text or text in zones():
        return None
    return Malformed("no such time zone", did_you_mean(text, zones(), "write its IANA name, such as Europe/Berlin"))


@cache
def zones() -> frozenset[str]:
    """The names of all time zones. They come from the package `tzdata`: a slim machine has no zones of its own."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def duration(text: str) -> Malformed | None:
    """A duration such as ``5h30m`` or ``1.5s``; in a number without a unit, seconds are probably meant."""
    if not text or _DURATION.fullmatch(text):
        return None
    if text.isdecimal():
        return Malformed("it has no unit", f"write {text}s for seconds", certain=False)
    return Malformed("it is not a duration", "write hours, minutes and seconds, such as 1h30m or 90s")


def pattern(text: str) -> Malformed | None:
    """A regular expression in RE2's syntax."""
    why, _, hint = syntax_error(text).partition("; ")
    return Malformed(why, hint or "see https://github.com/google/re2/wiki/Syntax") if why else None


def image_tag(text: str) -> Malformed | None:
    """A tag of an image."""
    if _TAG.fullmatch(text):
        return None
    hint = "use letters, digits and . _ -, at most 128"
    return (
        Malformed("it is a digest", f"write `digest: {text}`") if is_digest(text) else Malformed("it is no tag", hint)
    )


def is_digest(text: str) -> bool:
    """Whether a text is the digest of an image."""
    return _DIGEST.fullmatch(text) is not None
