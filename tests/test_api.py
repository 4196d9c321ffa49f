"""The library: what a program gets, what it is refused, and that the example on its page runs."""

from __future__ import annotations

import ast
import asyncio
import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from reconciler import api
from reconciler.config import Config
from reconciler.engine.apply import Finished
from reconciler.engine.load import check
from reconciler.engine.planner import Planned
from reconciler.redaction import MASK
from reconciler.sandbox import Sandbox, Settings, Speed
from reconciler.sandbox.server import make_server
from tests.github.stage import running
from tests.support.account import CONFIG, OURS, World, web

PAGE = (Path(__file__).parents[1] / "docs/library.md").read_text(encoding="utf-8")
T = TypeVar("T")
SECRET = "Tr0ub4dor-and-3"


def ask(world: World, question: Callable[[api.Client], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with api.Client(OURS, transport=world.tap, clock=world.clock) as client:
            return await question(client)

    return world.clock.run(asked())


def secretive(**more: Any) -> dict[str, Any]:
    return web(envs=[{"key": "KEY", "value": SECRET, "type": "SECRET"}], **more)


def test_a_program_plans_applies_and_is_in_sync(world: World):
    world.write(web())
    report = ask(world, lambda client: api.plan(client, world.options(), clock=world.clock))
    assert [(one.app, one.action) for one in report.plans] == [("web", api.Action.CREATE)]
    assert world.tap.writes == []

    seen: list[api.Event] = []
    done = ask(world, lambda client: api.apply(client, world.options(), on_event=seen.append, clock=world.clock))
    assert done is not None
    assert [(one.app, one.outcome.kind) for one in done.records] == [("web", api.OutcomeKind.APPLIED)]
    assert {event.app for event in seen} == {"web"}

    report = ask(world, lambda client: api.drift(client, world.options(), clock=world.clock))
    assert [one.status for one in report.plans] == [api.SyncStatus.IN_SYNC]


def test_a_program_that_says_no_changes_nothing(world: World):
    world.write(web())
    shown: list[api.PlanReport] = []

    def refuse(report: api.PlanReport) -> bool:
        shown.append(report)
        return False

    assert ask(world, lambda client: api.apply(client, world.options(), agree=refuse, clock=world.clock)) is None
    assert [one.app for one in shown[0].plans] == ["web"]
    assert world.tap.writes == []


def test_a_program_is_refused_what_the_command_line_is(world: World):
    world.write(web())
    world.configure({**CONFIG, "freeze": [{"start": "2000-01-01", "end": "2100-01-01", "reason": "holidays"}]})
    with pytest.raises(api.PlanMismatch, match="holidays") as refused:
        ask(world, lambda client: api.apply(client, world.options(), clock=world.clock))
    assert refused.value.exit_code == api.Exit.REFUSED
    assert world.tap.sent == []


def test_a_stop_that_is_set_begins_nothing(world: World):
    world.write(web())
    stop = asyncio.Event()
    stop.set()
    done = ask(world, lambda client: api.apply(client, world.options(), stop=stop, clock=world.clock))
    assert done is not None
    assert [one.outcome.kind for one in done.records] == [api.OutcomeKind.SKIPPED]
    assert world.tap.writes == []


def test_reports_events_and_findings_hide_secrets(world: World):
    world.write(secretive())
    told: list[object] = [ask(world, lambda client: api.plan(client, world.options(), clock=world.clock))]
    told.append(ask(world, lambda client: api.apply(client, world.options(), on_event=told.append, clock=world.clock)))
    told += api.validate(world.options())
    assert SECRET not in repr(told)


def test_what_the_platform_quotes_is_hidden_in_reports_and_events(world: World, monkeypatch: pytest.MonkeyPatch):
    """Plans hide what is secret by its place; what is quoted elsewhere is found by its value."""
    world.write(secretive())
    events: list[api.Event] = []

    async def quoting(options: api.Options, front: Any, _clock: api.Clock) -> Finished:
        front.loaded(check(options))
        with front.watch(["web"]) as watch:
            watch.on_event(api.Event(0.0, "web", f"refused: {SECRET}"))
        record = api.RolloutRecord("web", api.Action.CREATE, api.Outcome(api.OutcomeKind.FAILED, f"quoted: {SECRET}"))
        report = api.PlanReport((api.Plan("web", api.SyncStatus.ABSENT, api.Action.CREATE, f"quoted: {SECRET}"),))
        planned = Planned((), report, Config(), options, 0)
        return Finished(planned, api.RolloutReport((record,)))

    monkeypatch.setattr(api, "run", quoting)
    report = ask(world, lambda client: api.plan(client, world.options()))
    assert report.plans[0].reason == f"quoted: {MASK}"
    done = ask(world, lambda client: api.apply(client, world.options(), on_event=events.append))
    assert done is not None
    assert done.records[0].outcome.reason == f"quoted: {MASK}"
    assert {event.text for event in events} == {f"refused: {MASK}"}


@pytest.mark.parametrize("ask_for", [api.plan, api.drift, api.apply])
@pytest.mark.parametrize("reached", [True, False])
def test_what_an_error_quotes_is_hidden_in_it_and_in_what_it_was_raised_from(
    world: World, ask_for: Callable[..., Awaitable[object]], reached: bool
):
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"id": "unauthorized", "message": f"not with {SECRET}"})

    world.configure({**CONFIG, "variables": [{"name": "KEY", "secret": True}]})
    world.environ["KEY"] = SECRET
    ingress = {"rules": [{"component": {"name": "${KEY}"}, "match": {"path": {"prefix": "/"}}}]}
    world.write(secretive() if reached else {**web(), "ingress": ingress})
    world.tap.inner = httpx.MockTransport(answer)
    with pytest.raises(api.ReconcileError) as failed:
        ask(world, lambda client: ask_for(client, world.options(), clock=world.clock))
    text = "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value))
    assert MASK in text
    assert SECRET not in text


def test_specs_that_cannot_be_used_have_their_findings(world: World):
    world.write(web(http_port="many"))
    assert [one.code for one in api.validate(world.options()) if one.is_error] == ["type"]
    with pytest.raises(api.InvalidInput) as refused:
        ask(world, lambda client: api.plan(client, world.options(), clock=world.clock))
    assert [one.code for one in refused.value.findings if one.is_error] == ["type"]


def test_every_name_that_is_promised_is_there_and_documented_functions_are_promised():
    assert sorted(api.__all__) == list(api.__all__)
    assert all(getattr(api, name).__doc__ for name in api.__all__)
    assert set(re.findall(r"(?m)^\| `(\w+)\(", PAGE)) == {"validate", "plan", "drift", "apply"}


@pytest.fixture
def served() -> Iterator[str]:
    box = Sandbox(settings=Settings(speed=Speed.instant(), seed=1))
    with running(make_server(box, "127.0.0.1", 0)) as url:
        yield url
    box.close()


def test_the_example_runs_as_it_is_written(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "dop_v1_library")
    monkeypatch.setenv("DIGITALOCEAN_API_URL", served)
    (tmp_path / "specs").mkdir()
    (tmp_path / "reconcile.yaml").write_text("defaults: {health: {soak: 0s}}\n")
    image = "{registry_type: DOCKER_HUB, repository: nginx, tag: '1.27'}"
    (tmp_path / "specs/web.yaml").write_text(f"name: web\nservices: [{{name: api, image: {image}}}]\n")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(ast.parse(example), "docs/library.md", "exec"), {"__name__": "example"})
    out = capsys.readouterr().out
    assert "web create" in out
    assert "web applied" in out
