"""The action's inputs, as GitHub passes them to a container: ``INPUT_<NAME>``, upper case, hyphens kept.

Shells do not allow hyphens in names, so an underscore is accepted in place of one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from reconciler.engine.shards import shard_of
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_ALLOW, _ROTATE = "--allow", "--rotate"
_RETRY, _OVERRIDE_FREEZE = _FLAGS = ("--retry", "--override-freeze")

Choice = TypeVar("Choice", bound=StrEnum)


class Mode(StrEnum):
    """What the action does."""

    PLAN = "plan"
    APPLY = "apply"
    DRIFT = "drift"
    VALIDATE = "validate"
    PREVIEW = "preview"


class Switch(StrEnum):
    """When the action writes to the pull request or the issue tracker."""

    AUTO = "auto"
    OFF = "off"


class Logs(StrEnum):
    """Which build and deploy logs are shown, see `engine.load.Logs`."""

    FAILED = "failed"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions in the input ``allow``; each field is the flag of that name."""

    allow: frozenset[str] = frozenset()
    rotate: frozenset[str] = frozenset()
    retry: bool = False
    override_freeze: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every input, validated; ``action.yml`` describes them. The repr shows no tokens."""

    mode: Mode = Mode.PLAN
    specs: tuple[str, ...] = ("specs",)
    own_specs: tuple[str, ...] = ()
    config: str = ""
    token: str = field(default="", repr=False)
    github_token: str = field(default="", repr=False)
    environment: str = ""
    comment: Switch = Switch.AUTO
    issue: Switch = Switch.AUTO
    drift_after: int = 1
    fail_on_drift: bool = False
    expect_plan: str = ""
    plan_file: str = ""
    sarif_file: str = ""
    report_file: str = ""
    metrics_file: str = ""
    apps: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only_changed: str = ""
    shard: tuple[int, int] = (1, 1)
    prune: bool = False
    permissions: Permissions = Permissions()
    api_url: str = ""
    sandbox: bool = False
    show_live_values: bool = False
    logs: Logs = Logs.FAILED
    images: tuple[tuple[str, str], ...] = ()
    deployments: bool = False
    check_run: bool = False


def tokens(environ: Mapping[str, str]) -> tuple[str, str]:
    """The tokens of DigitalOcean and of GitHub, from the inputs or from the usual variables; may be empty."""
    ours = raw(environ, "token") or environ.get("DIGITALOCEAN_TOKEN") or environ.get("DIGITALOCEAN_ACCESS_TOKEN") or ""
    return ours.strip(), raw(environ, "github-token") or environ.get("GITHUB_TOKEN", "").strip()


def raw(environ: Mapping[str, str], name: str) -> str:
    """The raw value of an input, stripped; empty if it was not given."""
    key = f"INPUT_{name.upper()}"
    return (environ.get(key) or environ.get(key.replace("-", "_")) or "").strip()


def parse(environ: Mapping[str, str]) -> Inputs:
    """The inputs of this run.

    Raises:
        UsageError: an input has an invalid value; the message names both.
    """
    default = Inputs()
    token, github_token = tokens(environ)
    return Inputs(
        mode=_choice(environ, "mode", default.mode),
        specs=tuple(_words(environ, "specs")) or default.specs,
        own_specs=tuple(_words(environ, "own-specs")),
        config=raw(environ, "config"),
        token=token,
        github_token=github_token,
        environment=raw(environ, "environment"),
        comment=_choice(environ, "comment", default.comment),
        issue=_choice(environ, "issue", default.issue),
        drift_after=_count(environ, "drift-after", default.drift_after),
        fail_on_drift=_truth(environ, "fail-on-drift", otherwise=default.fail_on_drift),
        expect_plan=raw(environ, "expect-plan"),
        plan_file=raw(environ, "plan-file"),
        sarif_file=raw(environ, "sarif-file"),
        report_file=raw(environ, "report-file"),
        metrics_file=raw(environ, "metrics-file"),
        apps=_names(environ, "app"),
        exclude=_names(environ, "exclude"),
        only_changed=raw(environ, "only-changed"),
        shard=_shard(environ),
        prune=_truth(environ, "prune", otherwise=default.prune),
        permissions=_permissions(environ),
        api_url=raw(environ, "api-url"),
        sandbox=_truth(environ, "sandbox", otherwise=default.sandbox),
        show_live_values=_truth(environ, "show-live-values", otherwise=default.show_live_values),
        logs=_choice(environ, "logs", default.logs),
        images=tuple(map(_image, _words(environ, "image"))),
        deployments=_truth(environ, "deployments", otherwise=default.deployments),
        check_run=_truth(environ, "check-run", otherwise=default.check_run),
    )


def _wrong(name: str, value: str, wanted: str) -> UsageError:
    return UsageError(f"invalid input {name}: {value!r}", hint=f"use {wanted}")


def _choice(environ: Mapping[str, str], name: str, otherwise: Choice) -> Choice:
    value = raw(environ, name)
    kind = type(otherwise)
    if not value:
        return otherwise
    if value not in set(kind):
        raise _wrong(name, value, "one of " + ", ".join(kind))
    return kind(value)


def _truth(environ: Mapping[str, str], name: str, *, otherwise: bool) -> bool:
    """A boolean as in YAML 1.2's core schema, which GitHub's own toolkit follows."""
    value = raw(environ, name)
    if value and value not in _TRUTH:
        raise _wrong(name, value, "true or false")
    return _TRUTH.get(value, otherwise)


def _count(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    value = raw(environ, name)
    if not value:
        return otherwise
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 1000):
        raise _wrong(name, value, "a number from 1 to 1000")
    return int(value)


def _words(environ: Mapping[str, str], name: str) -> list[str]:
    """Words on any number of lines; a path with spaces is quoted as in a shell."""
    value = raw(environ, name)
    try:
        return shlex.split(value)
    except ValueError as error:
        raise _wrong(name, value, "a list of words with balanced quotes") from error


def _image(word: str) -> tuple[str, str]:
    name, equals, version = word.partition("=")
    if not (name and equals and version):
        raise _wrong("image", word, "COMPONENT=TAG or COMPONENT=sha256:…")
    return name, version


def _names(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Names or patterns of apps, separated by spaces, lines or commas."""
    return tuple(word for part in _words(environ, name) for word in part.split(",") if word)


def _shard(environ: Mapping[str, str]) -> tuple[int, int]:
    value = raw(environ, "shard")
    found = shard_of(value or "1/1")
    if found is None:
        raise _wrong("shard", value, "a part and the number of parts, such as 2/5")
    return found


def _permissions(environ: Mapping[str, str]) -> Permissions:
    """The permitting flags of the command line as printed, or only what follows ``--allow``."""
    words = iter([part for word in _words(environ, "allow") for part in _split(word)])
    named: dict[str, list[str]] = {_ALLOW: [], _ROTATE: []}
    flags: set[str] = set()
    for word in words:
        flag, value = (word, next(words, "")) if word in named else (_ALLOW, word)
        if word in _FLAGS:
            flags.add(word)
        elif not value or value.startswith("-"):
            raise _wrong("allow", raw(environ, "allow"), f"only --allow WHAT, --rotate WHAT, {' and '.join(_FLAGS)}")
        else:
            named[flag].append(value)
    return Permissions(
        frozenset(named[_ALLOW]),
        frozenset(named[_ROTATE]),
        retry=_RETRY in flags,
        override_freeze=_OVERRIDE_FREEZE in flags,
    )


def _split(word: str) -> list[str]:
    """``--allow=region=web`` counts as two words."""
    flag, equals, value = word.partition("=")
    return [flag, value] if equals and flag in (_ALLOW, _ROTATE) else [word]
