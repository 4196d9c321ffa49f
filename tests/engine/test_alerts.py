"""Who is notified of alerts: declared in `reconcile.yaml`, planned, set after the rollout, read back, and drift."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine import safety
from reconciler.errors import PlanMismatch, Unauthorized
from reconciler.exit_codes import Exit
from reconciler.live.client import Client
from reconciler.live.models import Alert
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.plan.warnings import hide_live_values
from reconciler.rollout.model import OutcomeKind
from reconciler.sandbox import Fault, Settings, Speed
from reconciler.views import json_documents, json_rollout, markdown, markdown_rollout, text
from tests.support.account import CONFIG, OTHER, Spec, World, service, web

HOOK = "https://hooks.slack.com/services/T00000000/B00000000/h2Nt3rXq9vLkWz81"
OTHER_HOOK = "https://hooks.slack.com/services/T00000000/B00000000/Qw4Zt7Rb2mXc55Hp"
CPU = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "FIVE_MINUTES"}
FAILED = {"rule": "DEPLOYMENT_FAILED"}
DEPLOYS = {"channel": "#deploys", "url": "${SLACK_DEPLOYS}"}
OWNER = "user-99bd74@example.com"
OPS = {"emails": ["ops@example.com"]}


def app(name: str = "web", **service: Any) -> Spec:
    """An app with an alert of its own and two components that have the same rule."""
    spec = web(name, alerts=[CPU], **service)
    worker = {**spec["services"][0], "name": "bg"}
    return {**spec, "alerts": [FAILED], "workers": [worker]}


def declare(world: World, alerts: Spec, **more: Any) -> None:
    world.configure({**CONFIG, "variables": ["SLACK_DEPLOYS"], "apps": {"web": {"alerts": alerts}}, **more})
    world.environ["SLACK_DEPLOYS"] = HOOK


def destinations(world: World, name: str = "web") -> dict[str, tuple[list[str], list[tuple[str, str]]]]:
    """Addresses and webhooks of each alert of an app."""
    app_id = world.live(name).id
    alerts = world.ask(lambda client: client.list_alerts(app_id))
    return {
        "/".join(filter(None, (one.component_name, one.spec["rule"]))): (
            list(one.emails),
            [(hook.channel, hook.url) for hook in one.slack_webhooks],
        )
        for one in alerts
    }


def paths(plan: Plan) -> list[str]:
    return [change.human_path for change in plan.alerts]


def posts(world: World) -> list[Any]:
    """The bodies that were sent to set destinations."""
    return [body for _, path, body in world.tap.writes if path.endswith("/destinations")]


def deployments(world: World) -> list[str]:
    """What was sent that deploys."""
    return [f"{method} {path}" for method, path, _ in world.tap.writes if not path.endswith("/destinations")]


def in_panel(world: World, key: str, emails: Sequence[str] = (), hooks: Sequence[tuple[str, str]] = ()) -> None:
    """A person sets the destinations of an alert in the control panel."""
    app_id = world.live().id
    alerts = world.ask(lambda client: client.list_alerts(app_id))
    named = {"/".join(filter(None, (one.component_name, one.spec["rule"]))): one.id for one in alerts}
    body = {"emails": list(emails), "slack_webhooks": [{"channel": name, "url": url} for name, url in hooks]}
    world.ask(lambda client: client.assign_alert_destinations(app_id, named[key], body), OTHER)


WANTED = {"DEPLOYMENT_FAILED": {**OPS, "slack_webhooks": [DEPLOYS]}, "api/CPU_UTILIZATION": OPS}


@pytest.fixture
def declared(world: World) -> World:
    """An app that is not live yet, with destinations for two of its three alerts."""
    world.write(app())
    declare(world, WANTED)
    return world


@pytest.fixture
def applied(declared: World) -> World:
    """The same, applied, its deployment long judged."""
    assert declared.outcome() == "applied"
    declared.at(1)
    declared.tap.sent.clear()
    return declared


# --- Plan, apply, in sync ---


def test_c28_destinations_are_set_after_the_rollout_for_the_alert_of_that_component_alone(declared: World) -> None:
    planned = declared.one()
    assert (planned.action, paths(planned)) == (
        Action.CREATE,
        [
            "alert_destinations/DEPLOYMENT_FAILED/emails",
            "alert_destinations/DEPLOYMENT_FAILED/slack_webhooks/#deploys",
            "alert_destinations/api/CPU_UTILIZATION/emails",
        ],
    )
    report = declared.apply()
    (record,) = report.records
    assert (record.outcome.kind, record.alerts) == (
        OutcomeKind.APPLIED,
        ("DEPLOYMENT_FAILED", "api/CPU_UTILIZATION"),
    )
    found = destinations(declared)
    assert found["DEPLOYMENT_FAILED"] == (["ops@example.com"], [("#deploys", HOOK)])
    assert found["api/CPU_UTILIZATION"] == (["ops@example.com"], [])
    assert found["bg/CPU_UTILIZATION"] == ([OWNER], [])
    declared.at(1)
    assert (declared.one().status, declared.one().alerts) == (SyncStatus.IN_SYNC, ())
    declared.tap.sent.clear()
    assert declared.outcome() == "unchanged"
    assert declared.tap.writes == []


def test_an_app_in_sync_otherwise_is_set_without_a_deployment_and_counted(applied: World) -> None:
    declare(applied, {**WANTED, "DEPLOYMENT_FAILED": {"emails": ["Ops@example.com", "cto@example.com"]}})
    report = applied.plan()
    (plan,) = report.plans
    assert (plan.action, plan.status, plan.changes, plan.writes) == (Action.ALERTS, SyncStatus.OUT_OF_SYNC, (), True)
    assert safety.of_plan(report, differences_matter=True) is Exit.DIFFERENCES
    done = applied.apply()
    assert [(one.outcome.kind, one.alerts, one.deployments) for one in done.records] == [
        (OutcomeKind.APPLIED, ("DEPLOYMENT_FAILED",), ())
    ]
    assert safety.of_rollout(done) is Exit.OK
    assert deployments(applied) == []
    assert posts(applied) == [{"emails": ["Ops@example.com", "cto@example.com"], "slack_webhooks": []}]
    assert applied.one().status is SyncStatus.IN_SYNC


def test_views_show_the_changes_of_destinations_and_never_a_url(applied: World, snapshot: Any) -> None:
    in_panel(applied, "DEPLOYMENT_FAILED", ["x@example.com"], [("#deploys", OTHER_HOOK), ("#noise", OTHER_HOOK)])
    report = applied.plan(drift=True)
    shown = [text.plan(report), markdown.plan(report), json_documents.plan(report, kind="drift"), repr(report)]
    done = applied.apply()
    shown += [
        text.rollout(done, verbose=True),
        markdown_rollout.rollout(done, report),
        json_rollout.rollout(done),
        repr(done),
    ]
    secrets = [part for hook in (HOOK, OTHER_HOOK) for part in (hook, hook.rpartition("/")[2])]
    assert not [secret for secret in secrets for one in shown if secret in one]
    assert snapshot == "\n".join([shown[0], shown[1], text.rollout(done)])
    (plan,) = json.loads(shown[2])["apps"]
    assert (plan["action"], plan["writes"]) == ("alerts", True)
    assert [(one["path"], one["kind"], one["sensitive"]) for one in plan["alerts"]] == [
        ("alert_destinations/DEPLOYMENT_FAILED/emails", "removed", False),
        ("alert_destinations/DEPLOYMENT_FAILED/emails", "added", False),
        ("alert_destinations/DEPLOYMENT_FAILED/slack_webhooks/#deploys", "changed", True),
        ("alert_destinations/DEPLOYMENT_FAILED/slack_webhooks/#noise", "removed", True),
    ]
    assert json.loads(shown[6])["apps"][0]["alerts"] == ["DEPLOYMENT_FAILED"]


def test_an_app_that_is_young_besides_is_named_where_all_of_these_are(declared: World) -> None:
    declared.apply()
    in_panel(declared, "api/CPU_UTILIZATION", ["x@example.com"])
    shown = text.plan(declared.plan())
    assert "unjudged" not in shown
    assert "1 app became active recently and may not have been health-checked yet; apply will check it: web" in shown


def test_in_what_is_public_live_addresses_are_hidden_and_all_of_live_on_request(applied: World) -> None:
    in_panel(applied, "DEPLOYMENT_FAILED", ["x@example.com"], [("#noise", OTHER_HOOK)])
    shown = hide_live_values(applied.plan())
    assert "x@example.com" not in repr(shown)
    assert "#noise" in repr(shown)
    assert "#noise" not in repr(hide_live_values(applied.plan(), all_values=True))


# --- Drift ---


def test_what_somebody_sets_in_the_panel_is_drift_and_is_put_back(applied: World) -> None:
    applied.commit(2)
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    report = applied.plan(drift=True)
    (plan,) = report.plans
    assert safety.of_plan(report, differences_matter=True) is Exit.DIFFERENCES
    assert plan.attribution is not None
    assert (plan.attribution.kind, [one.kind for one in plan.attribution.changes]) == ("unknown", ["unknown"] * 2)
    assert "control panel" in plan.attribution.text
    assert applied.outcome() == "applied"
    assert destinations(applied)["api/CPU_UTILIZATION"] == (["ops@example.com"], [])
    assert deployments(applied) == []


def test_drift_of_the_spec_and_of_destinations_is_told_apart(applied: World) -> None:
    applied.commit(2)
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    applied.edit(lambda spec: service(spec).update(instance_count=2))
    plan = applied.drift()
    assert plan.attribution is not None
    kinds = {"/".join(one.path): one.kind for one in plan.attribution.changes}
    assert kinds["services/api/instance_count"] == "live_edit"
    assert kinds["alert_destinations/api/CPU_UTILIZATION/emails"] == "unknown"
    assert (plan.action, plan.attribution.kind) == (Action.UPDATE, "unknown")


# --- What only a good rollout is followed by, and what a death leaves ---


def test_destinations_wait_for_a_rollout_that_ends_well(applied: World) -> None:
    applied.write(app(instance_count=2))
    declare(applied, {**WANTED, "DEPLOYMENT_FAILED": {"emails": ["cto@example.com"]}})
    applied.box.fail("web", "deploy")
    assert applied.outcome() == "rolled_back"
    assert posts(applied) == []
    applied.write(app())
    assert applied.outcome() == "applied"
    assert destinations(applied)["DEPLOYMENT_FAILED"] == (["cto@example.com"], [])


def test_a_run_that_dies_between_the_rollout_and_the_destinations_is_finished_by_the_next(
    declared: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_args: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.engine.alerts.applied", die)
        with pytest.raises(KeyboardInterrupt):
            declared.apply()
    declared.at(1)
    assert (declared.live().active_deployment is not None, posts(declared)) == (True, [])
    declared.tap.sent.clear()
    assert declared.one().action is Action.ALERTS
    assert declared.outcome() == "applied"
    assert (deployments(declared), len(posts(declared))) == ([], 2)
    assert declared.one().status is SyncStatus.IN_SYNC


def test_a_run_that_was_stopped_says_that_destinations_were_not_set(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    planned = applied.planned()
    applied.tap.sent.clear()
    stop = asyncio.Event()
    stop.set()
    watch = applying.Watch(stop=stop)
    report = applied.ask(
        lambda client: applying.apply(planned, client, applied.clock, lambda _apps: nullcontext(watch))
    )
    assert report.records[0].outcome.kind is OutcomeKind.INTERRUPTED
    assert applied.tap.writes == []


def test_a_run_that_is_stopped_while_an_alert_is_configured_ends_soon_and_as_interrupted(applied: World) -> None:
    applied.box.configure(alert_ends="CONFIGURING")
    applied.write(app(instance_count=2))
    declare(applied, {"DEPLOYMENT_FAILED": {"emails": ["cto@example.com"]}})
    stop, said = asyncio.Event(), list[str]()

    async def use(client: Any) -> Any:
        desired = loading.load(applied.options())
        planned = await applying.plan(desired, applied.options(), client, applied.clock)
        loop = asyncio.get_running_loop()
        watch = applying.Watch(lambda event: said.append(event.text), stop)
        loop.call_later(30, stop.set)
        return await applying.apply(planned, client, applied.clock, lambda _apps: nullcontext(watch))

    (record,) = applied.ask(use).records
    assert record.outcome.kind is OutcomeKind.INTERRUPTED
    assert record.outcome.reason.startswith(
        "the spec was applied, but its alert destinations are not as in Git: the run"
    )
    assert said[-1] == record.outcome.reason
    assert len(posts(applied)) == 1


def test_destinations_are_set_while_a_signal_still_stops_the_run(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    planned = applied.planned()
    watched, seen = [False], list[bool]()

    @contextmanager
    def watch(_apps: Sequence[str]) -> Iterator[applying.Watch]:
        watched[0] = True
        yield applying.Watch(lambda _event: seen.append(watched[0]))
        watched[0] = False

    report = applied.ask(lambda client: applying.apply(planned, client, applied.clock, watch))
    assert report.records[0].outcome.kind is OutcomeKind.APPLIED
    assert seen == [True]


def test_with_fail_fast_no_destinations_are_set_after_a_failure(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    applied.write(app("ill"))
    applied.box.fail("ill", "health")
    applied.tap.sent.clear()
    report = applied.apply(fail_fast=True)
    kinds = {record.app: record.outcome.kind for record in report.records}
    assert kinds == {"ill": OutcomeKind.DEGRADED, "web": OutcomeKind.SKIPPED}
    reason = next(record.outcome.reason for record in report.records if record.app == "web")
    assert reason == "ill failed, and this run stops at the first failure"
    assert posts(applied) == []
    applied.box.clear_faults()
    assert applied.outcome() == "applied", "without the flag, an app that failed keeps no other from its destinations"


def test_an_alert_has_its_time_to_settle_however_long_requests_wait(
    applied: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    read, answers = Client.list_alerts, list[str]()

    async def slowly(client: Client, app_id: str) -> list[Alert]:
        """As in a large fleet. The first answer after the destinations were sent is that they are being configured."""
        await applied.clock.sleep(100)
        found = await read(client, app_id)
        answers.append("CONFIGURING" if len(answers) == 2 else "ACTIVE")
        return [one.model_copy(update={"phase": answers[-1]}) for one in found]

    monkeypatch.setattr(Client, "list_alerts", slowly)
    assert applied.outcome() == "applied"
    assert answers == ["ACTIVE", "ACTIVE", "CONFIGURING", "ACTIVE"]


def test_an_unjudged_deployment_is_followed_though_destinations_differ(declared: World) -> None:
    declared.configure({**CONFIG, "variables": ["SLACK_DEPLOYS"]})
    assert declared.outcome() == "applied"
    declare(declared, WANTED)
    declared.box.set_health("web", "api", "UNHEALTHY")
    assert declared.one().action is Action.ALERTS
    assert declared.outcome() != "applied"
    assert posts(declared) == []


# --- False success: nothing counts as set until it is returned ---


def failed(world: World) -> str:
    """Why the app failed in this run."""
    report = world.apply()
    (record,) = report.records
    assert (record.outcome.kind, record.alerts) == (OutcomeKind.FAILED, ())
    assert safety.of_rollout(report) is Exit.ERROR
    assert record.outcome.commands == ("reconcile",)
    return record.outcome.reason


def test_an_alert_that_cannot_be_configured_fails_the_app_and_differs_until_it_can(declared: World) -> None:
    declared.box.configure(alert_ends="ERROR")
    why = failed(declared)
    assert why.startswith("the spec was applied, but its alert destinations are not as in Git: ")
    assert "could not configure the alert DEPLOYMENT_FAILED: the alert could not be configured" in why
    declared.at(1)
    plan = declared.one()
    assert plan.action is Action.ALERTS
    assert [(one.path[-1], one.before, one.after) for one in plan.alerts] == [("phase", "ERROR", "ACTIVE")] * 2
    assert failed(declared).startswith("its alert destinations are not as in Git: App Platform could not configure")
    declared.box.configure(alert_ends="ACTIVE")
    assert declared.outcome() == "applied"
    assert declared.one().status is SyncStatus.IN_SYNC


def test_an_alert_that_is_configured_for_ever_does_not_count_as_set(declared: World) -> None:
    declared.box.configure(alert_ends="CONFIGURING")
    began = declared.clock.monotonic()
    assert "the alert DEPLOYMENT_FAILED is still CONFIGURING" in failed(declared)
    assert declared.clock.monotonic() - began < 120


def test_an_alert_is_awaited_while_it_is_configured(tmp_path: Path) -> None:
    world = World(tmp_path, Settings(speed=Speed(alert=20), seed=1))
    world.write(app())
    declare(world, WANTED)
    began = world.clock.monotonic()
    assert world.outcome() == "applied"
    assert world.clock.monotonic() - began >= 20
    world.close()


class Forgetful(httpx.AsyncBaseTransport):
    """Answers to some requests without carrying them out."""

    def __init__(self, inner: httpx.AsyncBaseTransport, ending: str, answer: Any, method: str = "") -> None:
        self.inner, self.ending, self.answer, self.method = inner, ending, answer, method

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(self.ending) and self.method in ("", request.method):
            return (
                httpx.Response(self.answer) if isinstance(self.answer, int) else httpx.Response(200, json=self.answer)
            )
        return await self.inner.handle_async_request(request)


def test_destinations_that_are_accepted_and_not_returned_are_no_success(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    applied.tap.inner = Forgetful(applied.tap.inner, "/destinations", {"alert": {}})
    assert failed(applied).endswith("does not return those of api/CPU_UTILIZATION as they were sent")


def test_an_answer_that_is_lost_is_decided_by_what_is_read_back(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    applied.box.fault(Fault("reset_after", operation="apps_assign_alertDestinations"))
    assert applied.outcome() == "applied"
    assert len(posts(applied)) == 2  # the panel's and one of ours


def test_a_refusal_fails_the_app_without_a_secret_in_its_reason(applied: World) -> None:
    in_panel(applied, "DEPLOYMENT_FAILED", ["x@example.com"])

    async def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/destinations"):
            return httpx.Response(422, json={"id": "invalid", "message": f"bad: {request.content.decode()}"})
        return await inner.handle_async_request(request)

    inner = applied.tap.inner
    applied.tap.inner = httpx.MockTransport(refuse)
    why = failed(applied)
    assert "422 bad" in why
    assert HOOK.rpartition("/")[2] not in why


def test_an_alert_that_never_appears_is_said(declared: World) -> None:
    declared.tap.inner = Forgetful(declared.tap.inner, "/alerts", {"alerts": []})
    why = failed(declared)
    assert "App Platform does not list the alert DEPLOYMENT_FAILED; App Platform does not list the alert api/CPU" in why


@pytest.mark.parametrize("odd", ["", "..", "x" * 70_000])
def test_an_alert_whose_id_is_none_fails_its_app_and_the_others_are_still_reported(declared: World, odd: str) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        response = await inner.handle_async_request(request)
        if not request.url.path.endswith("/alerts"):
            return response
        alerts = json.loads(await response.aread())["alerts"]
        return httpx.Response(200, json={"alerts": [{**one, "id": odd} for one in alerts]})

    inner = declared.tap.inner
    declared.tap.inner = httpx.MockTransport(answer)
    declared.write(web("other"))
    ended = {record.app: record.outcome for record in declared.apply().records}
    assert (ended["other"].kind, ended["web"].kind) == (OutcomeKind.APPLIED, OutcomeKind.FAILED)
    assert ended["web"].reason.endswith("is not an id")


@pytest.mark.parametrize("urls", ["masked", "left_out"])
def test_urls_that_the_platform_hides_count_as_ours_in_the_same_channel(declared: World, urls: str) -> None:
    declared.box.configure(webhook_urls=urls)
    assert declared.outcome() == "applied"
    assert declared.one().status is SyncStatus.IN_SYNC
    in_panel(declared, "DEPLOYMENT_FAILED", ["ops@example.com"], [("#other", HOOK)])
    assert paths(declared.one()) == [
        "alert_destinations/DEPLOYMENT_FAILED/slack_webhooks/#deploys",
        "alert_destinations/DEPLOYMENT_FAILED/slack_webhooks/#other",
    ]


# --- Races, and what else holds for every plan ---


def test_destinations_that_change_between_plan_and_apply_are_not_overwritten(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    planned = applied.planned()
    in_panel(applied, "api/CPU_UTILIZATION", ["y@example.com"])
    applied.tap.sent.clear()
    report = applied.ask(lambda client: applying.apply(planned, client, applied.clock))
    assert report.records[0].outcome.kind is OutcomeKind.REFUSED
    assert "those of api/CPU_UTILIZATION changed since the plan" in report.records[0].outcome.reason
    assert applied.tap.writes == []


def test_destinations_that_are_as_wanted_by_the_time_of_the_apply_are_left_alone(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    planned = applied.planned()
    in_panel(applied, "api/CPU_UTILIZATION", ["ops@example.com"])
    applied.tap.sent.clear()
    report = applied.ask(lambda client: applying.apply(planned, client, applied.clock))
    assert (report.records[0].outcome.kind, applied.tap.writes) == (OutcomeKind.UNCHANGED, [])


def test_an_update_after_which_the_platform_forgets_them_is_followed_by_setting_them_again(applied: World) -> None:
    applied.box.configure(updates_keep_destinations=False)
    applied.write(app(instance_count=2))
    assert applied.one().alerts == ()
    assert applied.outcome() == "applied"
    assert destinations(applied)["DEPLOYMENT_FAILED"] == (["ops@example.com"], [("#deploys", HOOK)])
    assert applied.one().status is SyncStatus.IN_SYNC


def test_a_persons_change_during_a_rollout_is_not_overwritten(applied: World) -> None:
    applied.write(app(instance_count=2))
    planned = applied.planned()
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com", "y@example.com"])
    report = applied.ask(lambda client: applying.apply(planned, client, applied.clock))
    (record,) = report.records
    assert record.outcome.kind is OutcomeKind.FAILED
    assert "the spec was applied, but" in record.outcome.reason
    assert destinations(applied)["api/CPU_UTILIZATION"][0] == ["x@example.com", "y@example.com"]


def test_a_paused_app_shows_how_its_destinations_differ_and_keeps_them(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    own = {"alerts": WANTED, "paused": True}
    applied.configure({**CONFIG, "variables": ["SLACK_DEPLOYS"], "apps": {"web": own}})
    applied.tap.sent.clear()
    assert (applied.one().paused, bool(applied.one().alerts), applied.one().writes) == (True, True, False)
    assert applied.outcome() == "paused"
    assert applied.tap.writes == []


def test_guards_count_and_refuse_apps_whose_destinations_would_change(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    declare(applied, WANTED, guards={"max_changes": 0, "max_changes_from": 1})
    applied.tap.sent.clear()
    plan = applied.one()
    assert (plan.action, plan.override) == (Action.REFUSE, "--allow max-changes")
    assert applied.outcome() == "refused"
    assert applied.tap.writes == []
    assert applied.outcome(allow=frozenset({"max-changes"})) == "applied"


def test_a_freeze_window_and_another_selection_keep_destinations(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    applied.write(web("shop"))
    applied.tap.sent.clear()
    applied.apply(apps=frozenset({"shop"}))
    assert not any(path.endswith(("/alerts", "/destinations")) for _, path, _ in applied.tap.sent)
    window = {"start": "2000-01-01", "end": "2100-01-01"}
    declare(applied, WANTED, freeze=[window])
    with pytest.raises(PlanMismatch, match="freeze window"):
        applied.apply()
    assert posts(applied) == []


def test_a_saved_plan_holds_the_destinations_that_were_reviewed(applied: World, tmp_path: Path) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    planned, file = applied.planned(), tmp_path / "plan.json"
    safety.save(file, planned)
    assert HOOK not in file.read_text()
    in_panel(applied, "api/CPU_UTILIZATION", ["y@example.com"])
    with pytest.raises(PlanMismatch, match="web: who is notified of alerts changed"):
        applied.apply(expect=file)
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    assert applied.outcome(expect=file) == "applied"
    assert applied.outcome(expect=file) == "unchanged"


def test_alerts_that_cannot_be_read_leave_one_app_unknown_and_the_others_as_they_are(applied: World) -> None:
    applied.write(web("shop"))
    applied.tap.inner = Forgetful(applied.tap.inner, "/alerts", 404)
    shop, plan = applied.plan().plans
    assert (shop.action, plan.action, plan.status) == (Action.CREATE, Action.REFUSE, SyncStatus.UNKNOWN)
    assert "/alerts: 404" in plan.reason
    applied.tap.inner = Forgetful(applied.tap.inner, "/alerts", 403)
    with pytest.raises(Unauthorized):
        applied.plan()


def test_an_environment_has_destinations_of_its_own_by_the_names_of_the_base(applied: World) -> None:
    own = {"DEPLOYMENT_FAILED": {"emails": ["staging@example.com"], "slack_webhooks": []}, "api/CPU_UTILIZATION": None}
    staging = {"rename": "{app}-staging", "apps": {"web": {"alerts": own}}}
    declare(applied, WANTED, environments={"staging": staging, "production": {}})
    assert applied.one(environment="production").alerts == ()
    assert applied.outcome("web-staging", environment="staging") == "applied"
    found = destinations(applied, "web-staging")
    assert found["DEPLOYMENT_FAILED"] == (["staging@example.com"], [])
    assert found["api/CPU_UTILIZATION"] == ([OWNER], [])
    assert destinations(applied)["DEPLOYMENT_FAILED"][0] == ["ops@example.com"]


def test_a_redeploy_does_not_look_at_destinations(applied: World) -> None:
    in_panel(applied, "api/CPU_UTILIZATION", ["x@example.com"])
    applied.tap.sent.clear()
    assert applied.outcome(redeploy=True) == "applied"
    assert not any(path.endswith(("/alerts", "/destinations")) for _, path, _ in applied.tap.sent)


# --- Off ---


def test_where_nothing_is_declared_no_alert_is_read_and_one_request_where_it_is(applied: World) -> None:
    applied.write(app("shop"))
    applied.apply()
    applied.at(2)
    applied.tap.sent.clear()
    applied.plan()
    read = [path for _, path, _ in applied.tap.sent if path.endswith("/alerts")]
    assert read == [f"/v2/apps/{applied.live().id}/alerts"]
    applied.configure(CONFIG)
    applied.tap.sent.clear()
    applied.apply()
    assert [(method, path) for method, path, _ in applied.tap.sent] == [("GET", "/v2/apps")]
