"""The decision table: what Git wants, what is live, what happened before: status, action, reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.findings import Finding, Severity
from reconciler.live.models import Deployment, LiveApp, Proposal
from reconciler.plan.align import Secrets
from reconciler.plan.compare import compare, desired_digest, live_digest
from reconciler.plan.decide import Evidence, make_plan
from reconciler.plan.model import Action, Plan, SyncStatus
from tests.plan.platform import CIPHER, app, desired, env, secret, service
from tests.plan.timeline import NOW, deployment, history, live_app

OLD, WANTED, OTHER = (app(services=[service(http_port=port)]) for port in (1001, 1002, 1003))


def plan(live: LiveApp | None, deployments: list[Deployment] | None = None, spec: Any = WANTED, **more: Any) -> Plan:
    policy, secrets = more.pop("policy", Policy()), more.pop("secrets", None)
    git = desired(spec, secrets=more.pop("values", frozenset()), hidden=more.pop("hidden", frozenset()))
    return make_plan(
        git, compare(spec, live, policy, secrets=secrets), Evidence(NOW, deployments=deployments or (), **more)
    )


@dataclass(frozen=True)
class Row:
    live: LiveApp | None
    status: SyncStatus
    action: Action
    reason: str
    past: list[Deployment] | None = None
    follow: str = ""
    resume: bool = False
    override: str = ""
    more: dict[str, Any] = field(default_factory=dict)


def active(spec: Any) -> Deployment:
    return deployment("d1", spec, "ACTIVE")


S, A = SyncStatus, Action
PINNED = history((OLD, "ACTIVE", {"rollback": True}), (WANTED, "ERROR"), (OLD, "SUPERSEDED"))
TABLE = {
    "no app of that name": Row(None, S.ABSENT, A.CREATE, "no app has this name yet"),
    "all three specs agree": Row(live_app(WANTED, active=active(WANTED)), S.IN_SYNC, A.NONE, ""),
    "the active deployment came without its spec": Row(live_app(WANTED, active=active({})), S.IN_SYNC, A.NONE, ""),
    "the app's spec differs": Row(live_app(OLD, active=active(OLD)), S.OUT_OF_SYNC, A.UPDATE, ""),
    "the app's spec differs, what is active does not": Row(
        live_app(OTHER, active=active(WANTED)), S.OUT_OF_SYNC, A.UPDATE, "changed without a deployment"),
    "what is active differs, the app's spec does not": Row(
        live_app(WANTED, active=active(OLD)), S.OUT_OF_SYNC, A.REDEPLOY, "redeploying", []),
    "nothing is active, and nothing was ever deployed": Row(
        live_app(WANTED), S.OUT_OF_SYNC, A.REDEPLOY, "no deployment with it is active", []),
    "a deployment of this spec is in progress": Row(
        live_app(WANTED, active=active(OLD), in_progress=deployment("d2", WANTED, "BUILDING")),
        S.PROGRESSING, A.NONE, "in progress (BUILDING)", follow="d2"),
    "a deployment of this spec waits for another one": Row(
        live_app(WANTED, active=active(OLD), in_progress=deployment("d2", OTHER, "DEPLOYING"),
                 pending=deployment("d3", WANTED, "PENDING_BUILD")),
        S.PROGRESSING, A.NONE, "in progress (PENDING_BUILD)", follow="d3"),
    "a deployment without its spec is the app's": Row(
        live_app(WANTED, active=active(OLD), pending=deployment("d2", {}, "PENDING_BUILD")),
        S.PROGRESSING, A.NONE, "in progress", follow="d2"),
    "a deployment of another spec is in progress": Row(
        live_app(OTHER, active=active(OLD), in_progress=deployment("d2", OTHER, "BUILDING")),
        S.OUT_OF_SYNC, A.UPDATE, "would be superseded", []),
    "a deployment of another spec than the app's is in progress": Row(
        live_app(WANTED, active=active(OLD), in_progress=deployment("d2", OTHER, "BUILDING")),
        S.OUT_OF_SYNC, A.REDEPLOY, "another spec is in progress (d2)", []),
    "a deployment of this spec is in progress, but the app's spec moved on": Row(
        live_app(OTHER, active=active(OLD), in_progress=deployment("d2", WANTED, "BUILDING")),
        S.OUT_OF_SYNC, A.UPDATE, "would be superseded", []),
    "what serves is right, and an older spec is deployed": Row(
        live_app(WANTED, active=active(WANTED), in_progress=deployment("d3", OTHER, "BUILDING")),
        S.IN_SYNC, A.NONE, "", history((OTHER, "BUILDING"), (WANTED, "ERROR"), (WANTED, "SUPERSEDED"))),
    "a rollback is in progress": Row(
        live_app(OLD, active=active(OTHER), in_progress=deployment("d2", OLD, "DEPLOYING", rollback=True)),
        S.PROGRESSING, A.REFUSE, "a rollback is in progress (d2)", []),
    "C47: somebody pinned the app": Row(
        live_app(OLD, active=active(OLD), pinned=deployment("p", OLD, "ACTIVE", minutes_ago=125, user="ann")),
        S.BLOCKED, A.REFUSE, "pinned to a rollback 2 h ago by Ann", [], override="reconcile status web"),
    "somebody pinned the app to what Git wants": Row(
        live_app(WANTED, active=active(WANTED), pinned=deployment("p", WANTED, "ACTIVE")),
        S.BLOCKED, A.REFUSE, "pinned to a rollback 30 min ago", [], override="reconcile status web"),
    "C48: our rollback was interrupted": Row(
        live_app(WANTED, active=PINNED[0], pinned=PINNED[0]), S.BLOCKED, A.NONE,
        "interrupted after rolling back", PINNED, follow="d3", resume=True),
    "C61: our rollback is unhealthy": Row(
        live_app(WANTED, active=PINNED[0], pinned=PINNED[0]), S.BLOCKED, A.REFUSE,
        "pinned to a rollback that is unhealthy (deployment d3: api is unhealthy), so a person chooses: "
        "reconcile rollback web --commit --force keeps it and unpins the app; "
        "reconcile rollback web --revert deploys the spec from before it again; "
        "once it is healthy, the next apply commits it", PINNED, more={"pin_trouble": "api is unhealthy"}),
    "C61: a person's rollback is that person's, healthy or not": Row(
        live_app(WANTED, active=PINNED[0], pinned=PINNED[0]), S.BLOCKED, A.REFUSE, "pinned to a rollback", PINNED,
        override="reconcile status web",
        more={"policy": Policy(on_failure="pin"), "pin_trouble": "api is unhealthy"}),
    "a person is to look at rollbacks": Row(
        live_app(WANTED, active=PINNED[0], pinned=PINNED[0]), S.BLOCKED, A.REFUSE, "pinned to a rollback", PINNED,
        override="reconcile status web", more={"policy": Policy(on_failure="pin")}),
    "C45: this very spec failed": Row(
        live_app(WANTED, active=active(OLD)), S.STALLED, A.REFUSE, "this spec failed 10 min ago (deployment d2)",
        history((WANTED, "ERROR"), (OLD, "ACTIVE")), override="--retry"),
    "it failed, and the app's spec went back": Row(
        live_app(OLD, active=active(OLD)), S.STALLED, A.REFUSE, "not retrying until the spec changes in Git",
        history((WANTED, "ERROR"), (OLD, "ACTIVE")), override="--retry"),
    "it failed when it was deployed anew, and the app's spec was changed": Row(
        live_app(OTHER, active=active(WANTED)), S.STALLED, A.REFUSE, "this spec failed 10 min ago",
        history((WANTED, "ERROR"), (WANTED, "ACTIVE")), override="--retry"),
    "it was rolled back": Row(
        live_app(OLD, active=active(OLD)), S.STALLED, A.REFUSE, "this spec was rolled back 20 min ago",
        history((OLD, "ACTIVE", {"rollback": True}), (WANTED, "SUPERSEDED"), (OLD, "SUPERSEDED")),
        override="--retry"),
    "it was canceled": Row(
        live_app(OLD, active=active(OLD)), S.STALLED, A.REFUSE, "was canceled",
        history((WANTED, "CANCELED"), (OLD, "ACTIVE")), override="--retry"),
    "it failed, and is to be tried again": Row(
        live_app(OLD, active=active(OLD)), S.OUT_OF_SYNC, A.UPDATE, "",
        history((WANTED, "ERROR"), (OLD, "ACTIVE")), more={"retry": True}),
    "it failed, is the app's spec, and is to be tried again": Row(
        live_app(WANTED, active=active(OLD)), S.OUT_OF_SYNC, A.REDEPLOY, "its last deployment failed",
        history((WANTED, "ERROR"), (OLD, "ACTIVE")), more={"retry": True}),
    "another spec failed": Row(
        live_app(OTHER, active=active(OLD)), S.OUT_OF_SYNC, A.UPDATE, "",
        history((OTHER, "ERROR"), (OLD, "ACTIVE"))),
    "C38: the first deployment failed": Row(
        live_app(WANTED), S.DEGRADED, A.REFUSE, "none to roll back to", history((WANTED, "ERROR")),
        override="--retry"),
    "the first deployment failed, and is to be tried again": Row(
        live_app(WANTED), S.OUT_OF_SYNC, A.REDEPLOY, "its last deployment failed", history((WANTED, "ERROR")),
        more={"retry": True}),
    "the first deployment failed, and Git changed": Row(
        live_app(OLD), S.OUT_OF_SYNC, A.UPDATE, "", history((OLD, "ERROR"))),
    "the name moves": Row(
        live_app({**WANTED, "name": "old"}, active=active({**WANTED, "name": "old"})),
        S.OUT_OF_SYNC, A.UPDATE, "currently named old", [], more={"moved_from": "old"}),
    "the platform refuses the spec": Row(
        live_app(OLD, active=active(OLD)), S.OUT_OF_SYNC, A.REFUSE, "App Platform rejects this spec", [],
        more={"findings": (Finding(Severity.ERROR, "platform-refuses", "no"),)}),
    "the platform refuses the spec of an app that is pinned": Row(
        live_app(OLD, active=active(OLD), pinned=deployment("p", OLD, "ACTIVE")),
        S.BLOCKED, A.REFUSE, "pinned to a rollback", override="reconcile status web",
        more={"findings": (Finding(Severity.ERROR, "platform-refuses", "no"),)}),
    "the platform warns of the spec": Row(
        live_app(OLD, active=active(OLD)), S.OUT_OF_SYNC, A.UPDATE, "", [],
        more={"findings": (Finding(Severity.WARNING, "odd", "hm"),)}),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_the_plan(row):
    found = plan(row.live, row.past, **row.more)
    assert (found.status, found.action) == (row.status, row.action)
    assert row.reason in found.reason
    assert bool(found.reason) == bool(row.reason)
    assert (found.follow, found.resume_rollback, found.override) == (row.follow, row.resume, row.override)
    assert found.app_id == (row.live.id if row.live else "")
    assert (found.app, found.file) == ("web", "specs/app.yaml")


def test_a_plan_carries_what_is_needed_to_trust_it():
    live = live_app(OLD, active=active(OLD))
    found = plan(live, [], policy=Policy(source_versions="latest"))
    assert [change.human_path for change in found.changes] == ["services/api/http_port"]
    assert found.desired_digest == desired_digest(compare(WANTED, live, Policy()).wanted)
    assert found.live_digest == live_digest(live)
    assert found.update_all_source_versions
    assert found.cost.after == 5.0


def test_a_plan_in_sync_carries_the_same_and_whether_it_was_judged():
    young = active(WANTED).model_copy(update={"phase_last_updated_at": NOW - timedelta(minutes=2)})
    live = live_app(WANTED, active=young)
    found = plan(live)
    assert found.desired_digest == desired_digest(compare(WANTED, live, Policy()).wanted)
    assert (found.cost.before, found.cost.after) == (5.0, 5.0)
    (note,) = found.notes
    assert (note.kind, note.text) == (
        "unjudged", "became active 2 min ago and may not have been health-checked: apply checks the 5 youngest",
    )  # fmt: skip
    old = young.model_copy(update={"phase_last_updated_at": NOW - timedelta(days=1)})
    assert plan(live_app(WANTED, active=old)).notes == ()


def test_an_update_notes_what_stays_and_what_it_may_take_away_and_a_new_app_has_neither():
    spec = app(services=[service(http_port=1)], envs=[secret("KEY", "x")])
    stored = app(envs=[secret("KEY", CIPHER)], vpc={"id": "v"})
    live = live_app(stored, active=active(stored))
    found = plan(live, [], spec=spec)
    assert [(note.kind, note.path) for note in found.notes] == [
        ("kept", ("envs", "KEY", "value")),
        ("unnamed", ("vpc",)),
    ]
    stalled = plan(live, history((spec, "ERROR")), spec=spec)
    assert [note.kind for note in stalled.notes] == ["kept"]
    assert plan(None, spec=spec, policy=Policy(ignore=["/envs"])).notes == ()
    found = plan(live, [], spec=spec, proposal=Proposal(spec={**spec, "vpc": {"id": "v"}}))
    assert [note.kind for note in found.notes] == ["kept"], "what the platform would choose by itself is not lost"


def test_a_new_app_costs_nothing_so_far():
    for proposal, after in ((None, 5.0), (Proposal(app_cost=12.0), 12.0)):
        cost = plan(None, proposal=proposal).cost
        assert (cost.before, cost.after) == (0.0, after)


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (None, "pinned to a rollback"),
        ({"uuid": "1", "full_name": "Ann Bee", "email": "ann@example.com"}, "pinned to a rollback by Ann Bee"),
        ({"uuid": "1", "email": "ann@example.com"}, "pinned to a rollback by ann@example.com"),
    ],
)
def test_who_pinned_an_app_is_told_as_far_as_it_is_known(user, told):
    cause = {"type": "MANUAL_ROLLBACK", "digitalocean_user_action": {"name": "ROLLBACK_APP", "user": user}}
    pinned = Deployment.model_validate({"id": "p", "phase": "ACTIVE", "cause_details": cause})
    assert plan(live_app(OLD, active=active(OLD), pinned=pinned)).reason == told


def test_a_new_app_is_told_whole_whatever_the_platform_renders():
    told = plan(None, proposal=Proposal(spec=app())).changes
    assert told == plan(None).changes
    assert told


def test_a_danger_that_the_rendering_hides_is_told_with_what_is_sent_and_alone_it_is_none():
    stored = {**OLD, "region": "nyc"}
    live = live_app(stored, active=active(stored))
    found = plan(live, [], spec={**WANTED, "region": "fra"}, proposal=Proposal(spec={**WANTED, "region": "nyc"}))
    assert [change.human_path for change in found.changes] == ["region", "services/api/http_port"]
    assert plan(live, [], spec={**OLD, "region": "fra"}, proposal=Proposal(spec=stored)).changes == ()
    spaced = app(services=[service(http_port=1002, run_command="serve  ")])
    found = plan(live_app(OLD, active=active(OLD)), [], spec=spaced, proposal=Proposal(spec=WANTED))
    assert [change.human_path for change in found.changes] == ["services/api/http_port"]


def test_kept_secrets_are_noted_in_sync_too():
    spec = app(envs=[secret("KEY", "x")])
    stored = app(envs=[secret("KEY", CIPHER)])
    found = plan(live_app(stored, active=active(stored)), spec=spec)
    assert found.status is SyncStatus.IN_SYNC
    assert [(note.kind, note.path) for note in found.notes] == [("kept", ("envs", "KEY", "value"))]


def test_a_rotation_is_no_repetition_of_what_failed():
    spec, stored = (app(envs=[secret("KEY", value)]) for value in ("x", CIPHER))
    past = history((stored, "ERROR"), (OLD, "ACTIVE"))
    live = live_app(stored, active=active(OLD))
    assert plan(live, past, spec=spec).status is SyncStatus.STALLED
    rotate = Secrets(rotate=frozenset({"KEY"}))
    assert plan(live, past, spec=spec, secrets=rotate).action is Action.UPDATE
    back = live_app(OLD, active=active(OLD))
    assert plan(back, past, spec=spec).status is SyncStatus.STALLED
    assert plan(back, past, spec=spec, secrets=rotate).action is Action.UPDATE


def test_a_name_that_is_taken_is_a_finding_with_the_suggested_one():
    proposal = Proposal(app_name_available=False, app_name_suggestion="web-2", app_cost=12.0)
    found = plan(None, proposal=proposal)
    assert found.action is Action.REFUSE
    (finding,) = found.findings
    assert (finding.code, finding.hint) == ("name-taken", "web-2 is available")
    assert str(finding.location) == "specs/app.yaml:1:7"
    (finding,) = plan(None, proposal=Proposal(app_name_available=False)).findings
    assert finding.hint == "choose another name"


def test_a_free_name_and_an_apps_own_are_no_finding():
    assert plan(None, proposal=Proposal(app_name_available=True)).findings == ()
    live = live_app(OLD, active=active(OLD))
    assert plan(live, [], proposal=Proposal(app_name_available=False)).findings == ()


def test_a_difference_that_the_platforms_rendering_does_not_show_is_told_and_no_reason_to_deploy():
    spec = app(services=[service(run_command="serve  ", brand_new=1)])
    stored = app(services=[service(run_command="serve")])
    proposal = Proposal(spec=stored, app_cost=5.0)
    found = plan(live_app(stored, active=active(stored)), [], spec=spec, proposal=proposal)
    assert (found.status, found.action, found.changes) == (SyncStatus.IN_SYNC, Action.NONE, ())
    assert [(finding.severity.value, finding.code) for finding in found.findings] == [
        ("notice", "same-to-platform"),
        ("warning", "not-taken"),
    ]
    assert "services/api/brand_new" in found.findings[1].message


def test_a_rule_that_the_platform_spells_in_another_way_is_still_a_change():
    def spec(*paths):
        rules = [{"match": {"path": {"prefix": path}}, "component": {"name": "api"}} for path in paths]
        return app(ingress={"rules": rules})

    stored = spec("/")
    proposal = Proposal(spec=spec("/api", "/"))
    found = plan(live_app(stored, active=active(stored)), [], spec=spec("/API", "/"), proposal=proposal)
    assert (found.action, [change.human_path for change in found.changes]) == (Action.UPDATE, ["ingress/rules/[/API]"])


def test_an_item_of_an_unknown_list_that_the_platform_spells_in_another_way_is_still_a_change():
    stored = app(brand_new=["a"])
    proposal = Proposal(spec=app(brand_new=["B", "a"]))
    found = plan(live_app(stored, active=active(stored)), [], spec=app(brand_new=["a", "b"]), proposal=proposal)
    assert (found.action, [change.human_path for change in found.changes]) == (Action.UPDATE, ["brand_new/1"])


def test_a_difference_that_the_platforms_rendering_shows_at_another_depth_counts():
    spec = app(services=[service(autoscaling={"min_instance_count": 1})])
    stored = app(services=[service(autoscaling={"min_instance_count": 2})])
    rendered = app()
    found = plan(live_app(stored, active=active(stored)), [], spec=spec, proposal=Proposal(spec=rendered))
    assert [change.human_path for change in found.changes] == ["services/api/autoscaling/min_instance_count"]


def test_a_rotated_secret_counts_whatever_the_platform_renders():
    spec, stored = (app(envs=[secret("KEY", value)]) for value in ("x", CIPHER))
    rotate = Secrets(rotate=frozenset({"KEY"}))
    live = live_app(stored, active=active(stored))
    found = plan(live, [], spec=spec, secrets=rotate, proposal=Proposal(spec=stored))
    assert found.action is Action.UPDATE
    assert [change.sensitive for change in found.changes] == [True]


def test_a_deployment_of_the_platforms_rendering_is_one_of_this_spec():
    spec, rendered = app(services=[service(run_command="serve  ")]), app(services=[service(run_command="serve")])
    live = live_app(OLD, active=active(OLD))
    for failed in (rendered, spec):
        found = plan(live, history((failed, "ERROR")), spec=spec, proposal=Proposal(spec=rendered))
        assert found.status is SyncStatus.STALLED


def test_a_failed_deployment_that_came_without_its_spec_stalls_nothing():
    live = live_app(OLD, active=active(OLD))
    for rendered in (None, {}, WANTED):
        found = plan(live, history(({}, "ERROR"), (OLD, "ACTIVE")), proposal=Proposal(spec=rendered))
        assert found.action is Action.UPDATE


def test_a_rendering_that_is_underway_is_followed():
    spec, rendered = app(services=[service(run_command="serve  ")]), app(services=[service(run_command="serve")])
    live = live_app(rendered, active=active(OLD), in_progress=deployment("d2", rendered, "BUILDING"))
    found = plan(live, [], spec=spec, proposal=Proposal(spec=rendered))
    assert (found.status, found.follow) == (SyncStatus.PROGRESSING, "d2")


def test_a_proposal_without_a_spec_says_nothing():
    found = plan(live_app(OLD, active=active(OLD)), [], proposal=Proposal(app_cost=10.0))
    assert [change.human_path for change in found.changes] == ["services/api/http_port"]
    assert (found.cost.before, found.cost.after) == (10.0, 10.0)


LONG = "s3cr3t-Q7w9-Zz41"


def test_c05_a_long_secret_within_a_plain_variable_is_hidden():
    spec = app(envs=[env("URL", f"https://{LONG}.example.com"), env("X", "1"), env("Y", "a")])
    stored = app(envs=[env("URL", "https://b.example.com"), env("Y", f"{LONG}x")])
    found = plan(live_app(stored, active=active(stored)), [], spec=spec, values=frozenset({LONG}))
    assert {change.human_path: (change.before, change.after) for change in found.changes} == {
        "envs/URL/value": ("https://b.example.com", "https://(secret).example.com"),
        "envs/X": (None, {"key": "X", "value": "1"}),
        "envs/Y/value": ("(secret)x", "a"),
    }


@pytest.mark.parametrize(
    ("asked", "values"), [({}, (None, None)), ({"show_live_values": True}, ("${db.PASSWORD}", LONG))]
)
def test_c65_what_looks_like_a_credential_is_shown_only_to_a_person_who_asks_for_it(asked, values):
    spec, stored = (app(envs=[env("DB_PASSWORD", value)]) for value in (LONG, "${db.PASSWORD}"))
    (change,) = plan(live_app(stored, active=active(stored)), [], spec=spec, **asked).changes
    assert (change.before, change.after) == values


@pytest.mark.parametrize("short", ["true", "null", "8081", "abc", "e"])
def test_c66_a_short_secret_is_hidden_by_its_place_and_spoils_nothing_else(short):
    spec = app(envs=[env("PIN", short), env("PORT", f"1{short}2"), env("NAME", short)])
    stored = app(envs=[env("PIN", "other"), env("PORT", "1"), env("NAME", "1")])
    found = plan(
        live_app(stored, active=active(stored)), [], spec=spec, values=frozenset({short}), hidden={"/envs/0/value"}
    )
    assert {change.path[1]: (change.before, change.after, change.sensitive) for change in found.changes} == {
        "PIN": (None, None, True),
        "PORT": ("1", f"1{short}2", False),
        "NAME": ("1", short, False),
    }


def test_a_hidden_value_in_an_ordered_list_is_hidden_wherever_a_change_names_it():
    def spec(*paths):
        rules = [{"match": {"path": {"prefix": path}}, "component": {"name": "api"}} for path in paths]
        return app(ingress={"rules": rules})

    stored = spec("/hunter1", "/b")
    git = spec("/b", "/n", "/hunter2")
    found = plan(live_app(stored, active=active(stored)), spec=git, hidden={"/ingress/rules/2/match/path/prefix"})
    assert all(change.sensitive for change in found.changes)
    assert {change.path for change in found.changes} == {("ingress", "rules")}
    assert "hunter" not in repr(found)


def test_c05_a_hidden_value_in_a_new_component_stands_as_secret():
    spec = app(
        workers=[{"name": "job", "features": ["hunter2"], "odd": {"a": ["hunter2"]}, "envs": [env("A", "hunter2")]}]
    )
    hidden = {"/workers/0/features/0", "/workers/0/odd/a/0", "/workers/0/envs/0/value"}
    (change,) = (one for one in plan(None, spec=spec, hidden=hidden).changes if one.path[0] == "workers")
    assert change.after == {
        "name": "job",
        "features": "(secret)",
        "odd": "(secret)",
        "envs": {"A": {"key": "A", "value": "(secret)"}},
    }


@pytest.mark.parametrize(
    ("live", "warned"),
    [
        (None, ["services/api/envs/B", "envs/A"]),
        (app(services=[service(envs=[secret("B", CIPHER)])], envs=[env("X", "1")]), ["envs/A"]),
    ],
)
def test_a_secret_without_a_value_anywhere_is_told(live, warned):
    spec = app(services=[service(envs=[env("C", "1"), secret("B")])], envs=[secret("A", ""), secret("D", "x")])
    spec["workers"] = [3, {"name": "job", "envs": 7}]
    found = plan(live and live_app(live, active=active(live)), [], spec=spec)
    messages = [finding.message for finding in found.findings if finding.code == "secret-without-value"]
    assert sorted(message.split()[2] for message in messages) == sorted(warned)


def test_c82_the_secret_of_a_renamed_component_is_not_lost_silently():
    live = app(services=[service("api", envs=[secret("B", CIPHER)])])
    spec = app(services=[service("backend", envs=[secret("B")])])
    (finding,) = plan(live_app(live, active=active(live)), [], spec=spec).findings
    assert finding.message == (
        "the secret services/backend/envs/B has no value in Git or on App Platform; services/api has one, and an "
        "update removes it with the component"
    )
    assert finding.hint.startswith("if services/api was renamed, give the value: App Platform does not move secrets")


def test_c82_a_secret_of_a_component_that_stays_is_no_sign_of_a_rename():
    live = app(services=[service("api", envs=[secret("B", CIPHER)])])
    spec = app(services=[service("api", envs=[secret("B")]), service("backend", envs=[secret("B")])])
    (finding,) = plan(live_app(live, active=active(live)), [], spec=spec).findings
    assert finding.message == "the secret services/backend/envs/B has no value in Git or on App Platform"


def test_a_stalled_plan_says_when_even_if_the_platform_does_not():
    (failed,) = history((WANTED, "ERROR"))
    failed = failed.model_copy(update={"created_at": None})
    found = plan(live_app(WANTED, active=active(OLD)), [failed])
    assert found.reason == "this spec failed (deployment d1); not retrying until the spec changes in Git"


def test_a_stalled_plan_says_that_it_still_serves_where_going_back_did_not_end_well():
    past = history((OLD, "ERROR", {"rollback": True}), (WANTED, "ACTIVE"), (OLD, "SUPERSEDED"))
    assert plan(live_app(OLD, active=past[1]), past).reason == (
        "this spec was to be rolled back 20 min ago (deployment d2), which failed (deployment d3), so it still serves; "
        "not retrying until the spec changes in Git"
    )


@pytest.mark.parametrize(("phase", "ended"), [("ERROR", "failed"), ("CANCELED", "was canceled")])
def test_a_rollback_of_ours_that_did_not_end_well_is_not_announced_as_one_that_will_be_committed(phase, ended):
    past = history((OLD, phase, {"rollback": True}), (WANTED, "ERROR"), (OLD, "SUPERSEDED"))
    found = plan(live_app(WANTED, active=active(OLD), pinned=past[0]), past)
    assert (found.status, found.action, found.resume_rollback) == (SyncStatus.BLOCKED, Action.REFUSE, False)
    assert found.reason == f"pinned to a rollback that {ended} (deployment d3): a person is needed"
    assert found.override == "reconcile status web"


def test_the_decision_does_not_depend_on_the_reading_of_time():
    live = live_app(OLD, active=active(OLD))
    comparison = compare(WANTED, live, Policy())
    evidence = Evidence(NOW, deployments=[])
    assert make_plan(desired(WANTED), comparison, evidence) == make_plan(
        desired(WANTED), comparison, replace(evidence, now=NOW.replace(year=2027))
    )


def test_the_cost_is_that_of_what_is_sent_and_not_of_a_count_that_is_ignored():
    policy = Policy(ignore=["/services/*/instance_count"])
    git, now = (
        app(services=[service(instance_count=count, envs=[env("A", value)])]) for count, value in ((1, "2"), (5, "1"))
    )
    for proposal, amount in ((Proposal(app_cost=25.0), 25.0), (None, 25)):
        found = plan(live_app(now, active=active(now)), [], git, policy=policy, proposal=proposal)
        assert found.action is Action.UPDATE
        assert (found.cost.before, found.cost.after, found.cost.delta) == (amount, amount, 0)
