"""The comparison's cheap answers, and the digests that a saved plan and the last look before a write rest on."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest

from reconciler.config import Policy
from reconciler.live.models import LiveApp
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import compare, desired_digest, live_digest
from tests.plan.platform import CIPHER, OTHER, app, secret, service
from tests.plan.timeline import deployment, live_app

ACTIVE = deployment("d1", app(), "ACTIVE")


def test_an_app_that_is_not_there_agrees_with_nothing():
    comparison = compare(app(), None, Policy())
    assert not comparison.in_sync
    assert not comparison.spec_agrees
    assert not comparison.active_agrees
    assert not comparison.carries({})
    assert comparison.carries(app())
    assert [change.human_path for change in comparison.surviving] == ["name", "services/api"]


@pytest.mark.parametrize(
    ("live", "in_sync"),
    [
        (live_app(app(), active=ACTIVE), True),
        (live_app(app(), active=ACTIVE, pending=deployment("d2", app(), "PENDING_BUILD")), False),
        (live_app(app(), active=ACTIVE, in_progress=deployment("d2", app(), "BUILDING")), False),
        (live_app(app(), active=ACTIVE, pinned=ACTIVE), False),
        (live_app(app()), False),
        (live_app(app(region="fra"), active=ACTIVE), True),
        (live_app(app(brand_new=1), active=ACTIVE), False),
        (live_app(app(), active=deployment("d1", app(brand_new=1), "ACTIVE")), False),
    ],
)
def test_in_sync_means_that_all_agree_and_nothing_is_under_way(live, in_sync):
    assert compare(app(), live, Policy()).in_sync is in_sync


def test_a_deployment_that_keeps_an_ignored_value_of_its_own_carries_the_spec():
    live = live_app(app(services=[service(instance_count=2)]), active=ACTIVE)
    ignoring = Policy(ignore=["/services/api/instance_count"])
    comparison = compare(app(), live, ignoring)
    assert comparison.in_sync
    assert comparison.carries(app(services=[service(instance_count=9)]))
    assert not comparison.carries(app(services=[service(http_port=9)]))


def test_the_digest_of_git_gives_secrets_and_order_away_to_nobody():
    plain, other = (canonical(app(envs=[secret("KEY", value)])) for value in ("hunter2", "hunter3"))
    assert desired_digest(plain) == desired_digest(other)
    assert desired_digest(plain) != desired_digest(canonical(app()))
    one, two = ({"key": "A", "value": "1"}, {"key": "B", "value": "2"})
    assert desired_digest(canonical(app(envs=[one, two]))) == desired_digest(canonical(app(envs=[two, one])))


CHANGED = {
    "its spec": live_app(app(brand_new=1), active=ACTIVE),
    "a ciphertext": live_app(app(envs=[secret("KEY", OTHER)]), active=ACTIVE),
    "its active deployment": live_app(app(envs=[secret("KEY", CIPHER)]), active=deployment("d2", app(), "ACTIVE")),
    "a deployment under way": live_app(
        app(envs=[secret("KEY", CIPHER)]), active=ACTIVE, in_progress=deployment("d2", app(), "BUILDING")),
    "a pin": live_app(app(envs=[secret("KEY", CIPHER)]), active=ACTIVE, pinned=ACTIVE),
    "another app": LiveApp(id="app-2", spec=app(envs=[secret("KEY", CIPHER)]), active_deployment=ACTIVE),
}  # fmt: skip


@pytest.mark.parametrize("after", CHANGED.values(), ids=CHANGED)
def test_the_digest_of_an_app_tells_that_it_moved(after):
    assert live_digest(after) != live_digest(live_app(app(envs=[secret("KEY", CIPHER)]), active=ACTIVE))


def test_the_digest_of_an_app_does_not_mind_time_or_writing():
    before = live_app(app(envs=[secret("KEY", CIPHER)]), active=ACTIVE)
    after = live_app({**before.spec, "features": []}, active=ACTIVE).model_copy(
        update={"updated_at": None, "tier_slug": "x"}
    )
    assert live_digest(after) == live_digest(before)


def test_a_live_spec_that_is_word_for_word_that_of_git_is_compared_like_any_other():
    for spec in (app(), app(envs=[secret("KEY", "hunter2")]), app(services=[service(routes=[{"path": "/x"}])])):
        live = live_app(copy.deepcopy(spec), active=ACTIVE)
        assert compare(spec, live, Policy()).live_tree == canonical(live.spec)
        edited = live_app({**spec, "region": "ams"}, active=ACTIVE)
        assert compare(spec, edited, Policy()).live_tree == canonical(edited.spec) != canonical(spec)


def test_odd_values_have_a_digest_too():
    odd = live_app({"name": "web", "brand_new": {"a": 1.5, "lone": "\ud800"}}, active=ACTIVE)
    assert len(live_digest(odd)) == 64
    digest = desired_digest(canonical(odd.spec))
    assert len(digest) == 64
    assert digest == desired_digest(canonical({"brand_new": {"lone": "\ud800", "a": 1.5}, "name": "web"}))
    assert digest != desired_digest(canonical({"brand_new": {"lone": "\ud801", "a": 1.5}, "name": "web"}))


def test_an_app_in_sync_needs_neither_deepdiff_nor_httpx():
    script = """
import sys
from reconciler.config import Policy
from reconciler.live.models import LiveApp
from reconciler.plan.compare import compare
spec = {"name": "web", "services": [{"name": "api"}]}
stored = {"name": "web", "region": "nyc", "services": [{"name": "api", "http_port": 8080}]}
app = LiveApp.model_validate({"id": "1", "spec": stored, "active_deployment": {"id": "2", "spec": stored}})
assert compare(spec, app, Policy()).in_sync
assert not {"deepdiff", "httpx", "jsonschema", "rich"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
