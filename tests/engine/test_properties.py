"""Any spec, under every switch: created it is in sync, one edit is exactly one change, applied it is in sync."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from reconciler.config import Config
from reconciler.desired.export import export_spec
from reconciler.desired.load import load
from reconciler.desired.validate import validate_all
from reconciler.findings import has_errors
from reconciler.plan.align import align
from reconciler.plan.canonical import canonical
from reconciler.plan.model import Plan, SyncStatus
from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.simulation.normalise import cleaned, encrypted
from tests.support.account import World, paths
from tests.support.specs import Edit, edits, specs

Spec = dict[str, Any]
CONFIG: Spec = {"defaults": {"health": {"soak": "0s", "components": False}}}
FEW = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.target],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
IDENTITIES = ("name", "key", "domain", "rule", "operator", "value", "window")
"""Fields that tell items apart: edited, the item is another one."""

switches = st.builds(
    Settings,
    speed=st.just(Speed.instant()),
    seed=st.just(1),
    fills_defaults=st.sampled_from(["recorded", "common", "documented", "none"]),
    propose_fills_defaults=st.booleans(),
    returns_general_type=st.booleans(),
    rewrites_routes=st.booleans(),
    routes_order=st.sampled_from(["declared", "longest"]),
    reorders_envs=st.booleans(),
    omits_zero_values=st.booleans(),
    encrypts_log_tokens=st.booleans(),
    new_apps_take_ciphertext=st.just(True),  # the specs that are drawn have some
    enforces_sizes=st.just(False),  # and any number of instances of any size
)
"""Every switch that decides how a spec comes back."""


@st.composite
def edited(draw: st.DrawFn) -> tuple[Spec, Edit]:
    spec = draw(specs())
    return spec, draw(edits(spec))


@contextmanager
def account(chosen: Settings) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), chosen, CONFIG)
        try:
            yield world
        finally:
            world.close()


def planned(world: World, name: str) -> Plan:
    """The plan, with whatever its guards would ask for."""
    plan = world.one(name)
    if plan.override.startswith("--allow"):
        plan = world.one(name, allow=allowed(plan))
    return plan


def allowed(plan: Plan) -> frozenset[str]:
    return frozenset(plan.override.replace("--allow ", "").split())


def valid(spec: Spec) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "web.yaml")
        file.write_text(yaml.safe_dump(spec))
        loaded = load([file], config=Config(), environ={})
        return not has_errors((*loaded.findings, *validate_all(loaded.apps)))


def concerns(change: tuple[str, ...], edit: Edit) -> bool:
    """Whether a change is what an edit is: there, above or below it; an identity's is that of the whole item."""
    path = edit.path
    for at, part in enumerate(path):
        if at == 2 and part in ("routes", "cors"):
            return change[:1] == ("ingress",)
    if path[-2:] == ("health_check", "path") and change != path:  # it is the path only without an http_path
        path = (*path[:-1], "http_path")
    if path[-1] == "type" and "envs" in path:
        path = path[:-1]  # it decides whether the value is a secret, which is compared in another way
    if path[-1] in IDENTITIES:
        path = path[:-2]
    length = min(len(path), len(change))
    return change[:length] == path[:length]


@settings(FEW, max_examples=20)
@given(specs(), switches)
def test_what_was_created_is_in_sync_whatever_the_platform_makes_of_it(spec, chosen):
    with account(chosen) as world:
        world.write(spec)
        assert world.outcome(spec["name"]) == "applied"
        plan = world.one(spec["name"])
        assert (plan.status, paths(plan)) == (SyncStatus.IN_SYNC, [])
        writes = len(world.tap.writes)
        assert world.outcome(spec["name"]) == "unchanged"
        assert len(world.tap.writes) == writes


@settings(FEW, max_examples=30)
@given(edited(), switches)
def test_one_edited_value_is_exactly_one_change_and_applied_none(pair, chosen):
    spec, edit = pair
    assume(valid(edit.spec) and edit.spec["name"] == spec["name"])
    with account(chosen) as world:
        world.write(spec)
        assert world.outcome(spec["name"]) == "applied"
        world.write(edit.spec)
        plan = planned(world, spec["name"])
        assume("App Platform rejects" not in plan.reason)
        before = encrypted(cleaned(spec), chosen, b"key", "app", 1)
        same = align(canonical(edit.spec), canonical(before))
        assert bool(plan.changes) == (same.desired != same.live), "a change is reported if, and only if, there is one"
        assert all(concerns(change.path, edit) for change in plan.changes), (paths(plan), edit.path)
        if plan.changes:
            assert world.outcome(spec["name"], allow=allowed(world.one(spec["name"]))) == "applied"
        plan = world.one(spec["name"])
        assert (plan.status, paths(plan)) == (SyncStatus.IN_SYNC, [])


@settings(FEW, max_examples=12)
@given(specs(), switches)
def test_what_is_imported_is_in_sync(spec, chosen):
    with account(chosen) as world:
        live = world.create(spec)
        world.repository.write(f"specs/{spec['name']}.yaml", export_spec(live.spec))
        plan = world.one(spec["name"])
        assert (plan.status, paths(plan)) == (SyncStatus.IN_SYNC, [])
