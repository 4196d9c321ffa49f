"""What live has and Git does not name: an update may take it away, and says so; by itself it is no difference."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.live.models import Proposal
from reconciler.plan.model import Action, Plan, PlanReport, SyncStatus
from reconciler.views import text
from reconciler.views.plan_lines import note_text
from tests.plan.platform import app, service
from tests.plan.test_decide import active, plan
from tests.plan.timeline import live_app

RULES = {"rules": [{"match": {"path": {"prefix": "/api"}}, "component": {"name": "api"}}]}
DOMAIN = {"domain": "a.example.com"}
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "a vpc": ({}, {"vpc": {"id": "v-1"}}, ["vpc"]),
    "features": ({}, {"features": ["buildpack-stack=ubuntu-22"]}, ["features"]),
    "a load balancer": (
        {"ingress": RULES}, {"ingress": {**RULES, "load_balancer": "DIGITALOCEAN"}}, ["ingress/load_balancer"]),
    "what a domain demands": (
        {"domains": [DOMAIN]}, {"domains": [{**DOMAIN, "minimum_tls_version": "1.3", "type": "PRIMARY"}]},
        ["domains/a.example.com/type", "domains/a.example.com/minimum_tls_version"]),
    "a certificate": (
        {"domains": [DOMAIN]}, {"domains": [{**DOMAIN, "certificate": "c-1"}]}, ["domains/a.example.com/certificate"]),
}  # fmt: skip


def between(git: dict[str, Any], there: dict[str, Any], port: int = 2000, **more: Any) -> Plan:
    now = app(services=[service(http_port=port)], **there)
    return plan(live_app(now, active=active(now)), [], app(services=[service(http_port=1000)], **git), **more)


def told(found: Plan) -> list[str]:
    return ["/".join(note.path) for note in found.notes if note.kind == "unnamed"]


@pytest.mark.parametrize(("git", "there", "paths"), FIELDS.values(), ids=FIELDS)
def test_c08_c16_what_an_update_may_take_away_is_told(git, there, paths):
    found = between(git, there)
    assert found.action is Action.UPDATE
    assert told(found) == paths


@pytest.mark.parametrize(("git", "there", "paths"), FIELDS.values(), ids=FIELDS)
def test_an_app_otherwise_in_sync_stays_in_sync_without_a_word(git, there, paths):
    found = between(git, there, port=1000)
    assert (found.status, found.action, found.notes) == (SyncStatus.IN_SYNC, Action.NONE, ())


def test_what_git_names_or_ignores_is_not_taken_away():
    vpc = {"vpc": {"id": "v-1"}}
    assert told(between(vpc, vpc)) == []
    assert told(between({}, vpc, policy=Policy(ignore=["/vpc"]))) == []
    assert told(between({"vpc": {"id": "v-2"}}, vpc)) == []


def test_a_domain_that_goes_is_a_change_and_not_a_note():
    found = between({}, {"domains": [{**DOMAIN, "certificate": "c-1"}]})
    assert told(found) == []
    assert "domains/a.example.com" in [change.human_path for change in found.changes]


def test_people_read_what_may_go():
    found = between({}, {"vpc": {"id": "v-1"}})
    (note,) = found.notes
    assert note_text(note) == "unnamed: set on App Platform but not in Git: the update may remove it"
    assert "the update may remove it" in text.plan(PlanReport((found,)))


@pytest.mark.parametrize(("git", "there", "paths"), FIELDS.values(), ids=FIELDS)
def test_what_the_platform_would_choose_again_is_not_taken_away(git, there, paths):
    rendering = app(services=[service(http_port=1000)], **{**git, **there})
    assert told(between(git, there, proposal=Proposal(spec=rendering))) == []
    assert told(between(git, there, proposal=Proposal(spec=app(services=[service(http_port=1000)], **git)))) == paths
