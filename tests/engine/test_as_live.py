"""What App Platform has, it did not refuse: after an import nothing is refused, and what is odd is a warning."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.clock import SystemClock
from reconciler.desired.export import export_spec
from reconciler.engine.apply import Watch, run
from reconciler.engine.importing import Importer
from reconciler.engine.load import Desired, RunOptions, as_live, check, load
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import Severity
from reconciler.live.models import LiveApp
from reconciler.plan.model import Action
from tests.support.account import World, web

ODD: dict[str, Any] = {
    "name": "web",
    "region": "fra",
    "services": [
        {
            "name": "api",
            "github": {"repo": "a/b", "branch": "main"},
            "instance_count": 2,
            "http_port": 99999,
            "internal_ports": [1],
            "envs": [{"key": "A-B", "value": "x"}, {"key": "C", "value": "y"}, {"key": "C", "value": "z"}],
            "log_destinations": [{"name": "logs"}],
        },
        {"name": "Api_2", "git": {"branch": "main"}},
    ],
    "domains": [{"domain": "*.example.com", "zone": "example.org"}],
    "ingress": {
        "rules": [
            {"match": {"path": {"prefix": "x", "exact": "y"}}, "component": {"name": "gone"}},
            {"match": {"path": {"prefix": "x", "exact": "y"}}, "component": {"name": "api"}},
        ]
    },
}


SECRET = """\
name: web
services:
- name: api
  github: {repo: a/b}
  envs:
  - {key: A, value: "EV[1:bm9u:Y2lw]", type: SECRET}
"""


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checked(folder: Path, text: str) -> Desired:
    (folder / "web.yaml").write_text(text)
    return load(RunOptions((folder,)))


def live(spec: Any = ODD) -> dict[str, LiveApp]:
    return {"web": LiveApp(id="a1", spec=spec)}


def test_c83_what_is_live_is_imported_and_planned_and_what_is_odd_is_a_warning(tmp_path: Path):
    importer = Importer.read(tmp_path, RunOptions((tmp_path,)))
    done = importer.write(live()["web"])
    assert len(done.odd) >= 10
    assert {one.severity for one in done.odd} == {Severity.WARNING}
    desired = load(RunOptions((tmp_path,)))
    errors = [one for one in desired.findings if one.is_error]
    assert {one.code for one in errors} == {one.code for one in done.odd}
    planned = as_live(desired, live())
    assert not any(one.is_error for one in planned.findings)
    softened = [one for one in planned.findings if one.hint.endswith("App Platform has it so, hence no error")]
    assert len(softened) == len(errors)


def test_c83_a_mistake_that_live_does_not_have_is_still_an_error(tmp_path: Path):
    changed = {**ODD, "services": [*ODD["services"], {"name": "new", "git": {"branch": "main"}}]}
    with pytest.raises(InvalidInput) as refused:
        as_live(checked(tmp_path, yaml.safe_dump(changed)), live())
    assert ["'new'" in one.message for one in refused.value.findings if one.is_error] == [True]


def test_c83_a_second_mistake_of_the_same_kind_is_still_an_error(tmp_path: Path):
    spec = {**ODD, "envs": [{"key": "D", "value": "1"}, {"key": "D", "value": "2"}]}
    worse = {**spec, "envs": [*spec["envs"], {"key": "D", "value": "3"}]}
    with pytest.raises(InvalidInput) as refused:
        as_live(checked(tmp_path, yaml.safe_dump(worse)), live(spec))
    assert [one.code for one in refused.value.findings if one.is_error] == ["duplicate-env"]


@pytest.mark.parametrize("fleet", [{}, live(web())])
def test_c83_a_mistake_is_an_error_where_live_does_not_have_it(tmp_path: Path, fleet):
    with pytest.raises(InvalidInput):
        as_live(checked(tmp_path, export_spec(ODD)), fleet)


def test_what_no_answer_can_have_is_refused_before_anything_is_asked(tmp_path: Path):
    for mistake in ("instance_count: many", "instance_count: '${COUNT}'"):
        with pytest.raises(InvalidInput):
            checked(tmp_path, f"name: web\nservices:\n- name: api\n  github: {{repo: a/b}}\n  {mistake}\n")


def test_own_policies_and_strictness_are_not_softened(tmp_path: Path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/p.json").write_text('{"required": ["alerts"]}')
    (tmp_path / "reconcile.yaml").write_text("policies: policies\n")
    spec = {**web(), "future": 1}
    (tmp_path / "web.yaml").write_text(yaml.safe_dump(spec))
    for strict in (False, True):
        with pytest.raises(InvalidInput) as refused:
            load(RunOptions((tmp_path / "web.yaml",), config=tmp_path / "reconcile.yaml", strict=strict))
        codes = {one.code for one in refused.value.findings if one.is_error}
        assert codes == {"policy:p", *(["unknown-field"] if strict else [])}


@dataclass
class Unreachable:
    """A front end whose token is not accepted."""

    asked: list[str] = field(default_factory=list)

    def loaded(self, _desired: Desired) -> None:
        self.asked.append("loaded")

    @asynccontextmanager
    async def connect(self):
        self.asked.append("connect")
        raise UsageError("no token")
        yield

    def planned(self, _planned: object) -> None:
        self.asked.append("planned")

    def agrees(self, _planned: object) -> bool:
        return True

    def watch(self, _apps: object):
        return nullcontext(Watch())


def test_where_app_platform_cannot_be_asked_the_mistakes_are_what_is_told(tmp_path: Path):
    (tmp_path / "web.yaml").write_text(export_spec(ODD))
    front = Unreachable()
    with pytest.raises(InvalidInput):
        asyncio.run(run(RunOptions((tmp_path,)), front, SystemClock()))  # type: ignore[arg-type]  # as little as is asked
    assert front.asked == ["loaded", "connect"]
    (tmp_path / "web.yaml").write_text(export_spec(web()))
    with pytest.raises(UsageError):
        asyncio.run(run(RunOptions((tmp_path,)), front, SystemClock()))  # type: ignore[arg-type]


def test_c67_the_ciphertext_of_another_app_is_refused_before_the_platform_is_asked(tmp_path: Path):
    world = World(tmp_path)
    try:
        spec = web(envs=[{"key": "A", "value": "EV[1:bm9u:Y2lw]", "type": "SECRET"}])
        world.write(spec)
        plan = world.one()
        (finding,) = plan.findings
        assert (finding.code, finding.severity) == ("ciphertext", Severity.ERROR)
        assert finding.location
        assert finding.location.line > 1
        assert plan.action is Action.REFUSE
        assert {method for method, *_ in world.tap.sent} == {"GET"}
    finally:
        world.close()


def test_c67_offline_ciphertext_is_a_notice_as_the_app_may_be_new(tmp_path: Path):
    (tmp_path / "web.yaml").write_text(SECRET)
    options = RunOptions((tmp_path,))
    assert check(options).findings == ()
    (finding,) = check(options, offline=True).findings
    assert (finding.code, finding.severity) == ("ciphertext", Severity.NOTICE)
    (tmp_path / "web.yaml").write_text("spec:\n" + "".join(f"  {line}\n" for line in SECRET.splitlines()))
    (finding,) = check(options, offline=True).findings
    assert (finding.code, finding.severity) == ("ciphertext", Severity.WARNING)
