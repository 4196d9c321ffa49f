"""C05: random secrets through every view, error, log, file and repr of the command; none of them comes out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from reconciler.appspec.shape import SPEC, Listing, Record
from reconciler.cli.main import main
from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine.load import RunOptions
from reconciler.engine.planner import Planner
from reconciler.errors import Rejected
from reconciler.live.client import Client
from reconciler.redaction import KEY_VARIABLE
from reconciler.rollout.ports import RolloutJob
from reconciler.sandbox import Sandbox
from tests.support.warp import warp

Spec = dict[str, Any]
PLACES = 10
FORMATS = ("text", "json", "markdown", "sarif", "github")
REAL_PROPOSE, REAL_UPDATE = Client.propose, Client.update_app

FEW = settings(deadline=None, derandomize=True, database=None, phases=[Phase.generate])
"""Each example is many runs of the command: as few as tell, and no shrinking."""

MARK = "qZ7x"
"""Stands in every line of every secret, and nowhere else: wherever it is found, something leaked."""

_letters = st.characters(exclude_categories=("Cs", "Cn"), exclude_characters="\x00\ufeff\ufffe\uffff")
_line = st.text(_letters, max_size=12).map(lambda text: f"{MARK}{text}{MARK}")
secrets = st.lists(_line, min_size=1, max_size=3).map("\n".join)


def spec_with(values: list[str], level: str = "info", tag: str = "1.27", *, public: bool = True) -> Spec:
    """A spec with a secret in every kind of field that can hold one."""
    named = {f"destination-{number}": kind for number, kind in enumerate(_destinations(values))}
    service = {
        "name": "api",
        "image": {
            "registry_type": "DOCKER_HUB",
            "registry": "acme",
            "repository": "api",
            "tag": tag,
            "registry_credentials": values[0],
        },
        "envs": [
            {"key": "ONE", "value": values[1], "type": "SECRET"},
            {"key": "TWO", "value": f"postgres://user:{values[2]}@host", "type": "SECRET"},
            {"key": "LEVEL", "value": level},
        ],
        "log_destinations": [{"name": name, **kind} for name, kind in named.items()],
    }
    header = {"key": "x-from", "value": values[7]}
    rules = [{"component": {"name": "api"}}]
    return {
        "name": "web",
        "region": "ams",
        "services": [service],
        "ingress": {"rules": rules, "secure_header": header},
        "envs": [
            {"key": "THREE", "value": values[8], "type": "SECRET"},
            *([{"key": "PUBLIC", "value": "${OPEN}"}] if public else []),
        ],
    }


def _destinations(values: list[str]) -> Iterator[Spec]:
    yield {"logtail": {"token": values[3]}}
    yield {"datadog": {"api_key": values[4], "endpoint": "https://logs.example.com"}}
    yield {"open_search": {"endpoint": "https://s.example.com", "basic_auth": {"user": "me", "password": values[5]}}}
    yield {"endpoint": "https://h.example.com", "headers": [{"key": "authorization", "value": values[6]}]}


def secret_fields(record: Record, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in record.fields.items():
        shape = field.shape.item if isinstance(field.shape, Listing) else field.shape
        if field.secret or field.secret_when_typed:
            yield (*path, name)
        elif isinstance(shape, Record):
            yield from secret_fields(shape, (*path, name))


def test_every_kind_of_field_that_can_hold_a_secret_has_one_here():
    def filled(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        if isinstance(node, list):
            for item in node:
                yield from filled(item, path)
        elif isinstance(node, Mapping):
            for name, item in node.items():
                yield from filled(item, (*path, name))
        elif MARK in str(node):
            yield path

    def kind(path: tuple[str, ...]) -> tuple[str, ...]:
        kept = [part for part in path if part not in ("services", "workers", "jobs", "static_sites", "functions")]
        return tuple(kept)

    wanted = {kind(path) for path in secret_fields(SPEC)}
    assert wanted == {kind(path) for path in filled(spec_with([MARK] * PLACES))}


class Shop:
    """A folder with one spec, a sandbox, and everything the command says, kept."""

    def __init__(self, root: Path, values: list[str]) -> None:
        self.root, self.values, self.heard = root, values, []
        (root / "specs").mkdir()
        self.box_file = root / "sandbox.db"
        box = Sandbox(self.box_file)
        box.configure(speed="instant")
        box.close()
        self.configure({})

    def configure(self, policy: Spec) -> None:
        config = {
            "variables": ["FIRST", {"name": "SECOND", "secret": True}, {"name": "OPEN", "secret": True}],
            "defaults": {"health": {"soak": "0s"}, **policy},
        }
        (self.root / "reconcile.yaml").write_text(yaml.safe_dump(config))

    def write(self, spec: Spec) -> None:
        (self.root / "specs/web.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")

    def fail(self, where: str) -> None:
        box = Sandbox(self.box_file)
        box.fail("web", where, message=f"exited: {self.values[1]} {self.values[2]!r} {' '.join(self.encoded())}")
        box.close()

    def run(self, *arguments: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, "--config", "reconcile.yaml"])
        self.heard.append((" ".join(arguments), out.getvalue() + err.getvalue()))
        return code

    def online(self, *arguments: str) -> int:
        return self.run(*arguments, "--sandbox", "--sandbox-file", str(self.box_file))

    def hear(self, what: str, text: str) -> None:
        self.heard.append((what, text))

    def encoded(self) -> list[str]:
        """The secrets as programs write them into a log: in hex, and within a header for a login (C68)."""
        raw = [value.encode() for value in self.values[:3]]
        return [text for one in raw for text in (one.hex(), b64encode(b"me:" + one).decode(), b64encode(one).decode())]

    def leaks(self) -> list[str]:
        found = []
        for what, text in self.heard:
            found += [f"{what}: encoded" for one in self.encoded() if one in text]
            plain = [text, text.encode().decode("unicode_escape", "replace")] if "\\u" in text else [text]
            if any(MARK in seen or quote(MARK) in seen for seen in plain):
                line = next(line for line in text.splitlines() if MARK in line)
                found.append(f"{what}: {line[:300]}")
        return found


@contextlib.contextmanager
def shop(values: list[str]) -> Iterator[Shop]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        warp(patch)
        patch.setenv("FIRST", values[0])
        patch.setenv("SECOND", values[8])
        patch.setenv("OPEN", values[9])
        patch.setenv(KEY_VARIABLE, f"{MARK} the key of fingerprints {MARK}")
        patch.setenv("DIGITALOCEAN_TOKEN", f"{MARK}token")
        os.chdir(folder)
        try:
            yield Shop(Path(folder), values)
        finally:
            os.chdir(before)


def by_variables(spec: Spec) -> Spec:
    """The same spec with variables in place of two of its secrets."""
    spec["services"][0]["image"]["registry_credentials"] = "${FIRST}"
    spec["envs"][0]["value"] = "${SECOND}"
    return spec


@settings(FEW, max_examples=3)
@given(st.lists(secrets, min_size=PLACES, max_size=PLACES, unique=True))
def test_c05_no_secret_comes_out_of_any_command_in_any_format(values):
    with shop(values) as found:
        found.write(by_variables(spec_with(values, public=False)))
        for name in FORMATS:
            found.run("validate", "--format", name)
            found.online("--plan", "--verbose", "--format", name)
        assert found.online("--format", "json") == 0
        assert found.online("import", "web", "--into", "fresh") == 0
        found.hear("what was imported", Path("fresh/web.yaml").read_text())
        found.write(spec_with(values, level="debug"))
        found.configure({"secrets": "fingerprint"})
        for name in FORMATS:
            found.online("--drift", "--verbose", "--format", name)
        assert found.online("--plan", "--save", "plan.json", "--rotate", "web/ONE") == 0
        found.hear("the saved plan", Path("plan.json").read_text())
        assert found.online("--expect", "plan.json", "--rotate", "web/ONE", "--verbose") == 0
        found.online("--rotate", "web/TYPO")
        for number, name in enumerate(("text", "json", "markdown")):
            found.write(spec_with(values, tag=f"2.{number}"))
            found.fail("deploy")
            assert found.online("--verbose", "--format", name) == 4
        assert not found.leaks()


@settings(FEW, max_examples=2)
@given(st.lists(secrets, min_size=PLACES, max_size=PLACES, unique=True))
def test_c05_no_secret_comes_out_of_errors_that_quote_what_was_sent(values):
    with shop(values) as found, pytest.MonkeyPatch.context() as patch:
        found.write(by_variables(spec_with(values)))
        assert found.online() == 0
        found.write(spec_with(values, level="debug"))
        for quoted in (str, repr, json.dumps, lambda spec: "\n".join(map(str, spec["services"][0]["envs"]))):

            async def refuse(_self: Client, *arguments: Any, _quoted: Any = quoted, **_more: Any) -> Any:
                spec = next(one for one in arguments if isinstance(one, Mapping))
                message = f"not with {_quoted(spec)}"
                raise Rejected(message, method="PUT", path="/v2/apps", status=422, hint=message)

            async def break_down(_self: Client, *arguments: Any, _quoted: Any = quoted, **_more: Any) -> Any:
                raise ValueError(_quoted(next(one for one in arguments if isinstance(one, Mapping))))

            for operation in ("propose", "update_app"):
                for trouble in (refuse, break_down):
                    patch.setattr(Client, operation, trouble)
                    for name in ("text", "json") if quoted is str else ("markdown",):
                        assert found.online("--format", name, "--verbose") != 0
                    found.online("--plan", "--format", "sarif")
                patch.setattr(Client, operation, {"propose": REAL_PROPOSE, "update_app": REAL_UPDATE}[operation])
        assert not found.leaks()


@settings(FEW, max_examples=5)
@given(st.lists(secrets, min_size=PLACES, max_size=PLACES, unique=True))
def test_c05_no_repr_of_what_a_run_holds_shows_a_secret(values):
    with shop(values) as found:
        found.write(by_variables(spec_with(values)))
        options = RunOptions((Path("specs"),), config=Path("reconcile.yaml"), environ=dict(os.environ))
        desired = loading.load(options)
        held = [options, desired, *desired.apps, desired.apps[0].document]
        held.append(Planner(None, desired.config, None, fingerprints=applying.fingerprints(desired, options)))  # type: ignore[arg-type]  # only its repr
        held.append(RolloutJob(None, desired.apps[0]))  # type: ignore[arg-type]  # only its repr
        found.hear("reprs", "\n".join(map(repr, held)))
        assert not found.leaks()


@settings(FEW, max_examples=60)
@given(secrets, st.integers(0, 600))
def test_c05_an_answer_that_quotes_a_secret_is_redacted_before_it_is_cut_short(value, before):
    from reconciler.live.calls import CREATE, error_for, write
    from reconciler.redaction import Redactor

    text = f"{'x' * before} {value} is not fine"
    for body in (json.dumps({"message": text}).encode(), text.encode()):
        error = error_for(write("POST", "/v2/apps", CREATE), 422, body, redact=Redactor([value]))
        assert MARK not in error.message + error.hint
