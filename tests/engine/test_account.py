"""C88: the account that the configuration names is checked before a plan is made, and before it is applied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.config_sections import Account
from reconciler.engine import apply as applying
from reconciler.errors import PlanMismatch, Unauthorized
from reconciler.sandbox.api.apps import TEAM
from tests.support.account import CONFIG, OURS, World, web

READER = {"tokens": {OURS: ("app:read", "app:create", "app:update")}}
"""A token that may not read the account."""


def name(world: World, **account: str) -> None:
    world.configure({**CONFIG, "account": account})


@pytest.fixture
def acme(world: World) -> World:
    """The account of the team Acme, which has one app."""
    world.write(web())
    world.apply()
    world.box.configure(team="Acme")
    world.write(web(instance_count=2))
    world.tap.sent.clear()
    return world


@pytest.mark.parametrize("account", [{"team": "Acme"}, {"uuid": TEAM}, {"uuid": TEAM.replace("-", "").upper()}])
def test_c88_the_right_account_is_planned_and_applied(acme: World, account: dict[str, str]):
    name(acme, **account)
    assert acme.outcome() == "applied"


@pytest.mark.parametrize("account", [{"team": "Globex"}, {"uuid": "5df3e300-4a17-e242-b7c2-0ca6c9fc25b7"}])
def test_c88_another_account_is_refused_before_planning_with_both_named(acme: World, account: dict[str, str]):
    name(acme, **account)
    with pytest.raises(PlanMismatch) as refused:
        acme.plan()
    (named,) = account.values()
    assert refused.value.message.startswith("nothing was changed: reconcile.yaml is for the ")
    assert named in refused.value.message
    assert refused.value.message.endswith(f"this token belongs to the team 'Acme' ({TEAM})")
    assert "correct `account` in reconcile.yaml" in refused.value.hint
    assert [path for _, path, _ in acme.tap.sent] == ["/v2/apps", "/v2/account"]


def test_c88_a_library_that_has_a_plan_of_another_account_is_refused_as_well(acme: World):
    planned = acme.planned()
    name(acme, team="Globex")
    elsewhere = replace(planned, config=planned.config.model_copy(update={"account": Account(team="Globex")}))
    with pytest.raises(PlanMismatch, match=r"reconcile\.yaml is for the team 'Globex'"):
        acme.ask(lambda client: applying.apply(elsewhere, client, acme.clock))
    assert acme.tap.writes == []


def test_c88_where_the_token_may_not_read_the_account_the_owner_of_the_apps_counts(acme: World):
    acme.box.configure(**READER)
    name(acme, uuid=TEAM)
    assert acme.outcome() == "applied"
    name(acme, uuid="5df3e300-4a17-e242-b7c2-0ca6c9fc25b7")
    with pytest.raises(PlanMismatch, match=f"this token belongs to the account {TEAM}"):
        acme.plan()


@pytest.mark.parametrize(
    ("account", "hint"), [({"team": "Acme"}, ", or name the account by its uuid"), ({"uuid": TEAM}, "")]
)
def test_c88_an_account_that_cannot_be_read_at_all_is_refused(world: World, account: dict[str, str], hint: str):
    world.box.configure(**READER)
    world.write(web())
    name(world, **account)
    with pytest.raises(PlanMismatch, match="the account of this token cannot be read") as refused:
        world.plan()
    assert refused.value.hint == f"give the token the scope account:read{hint}"


def test_c88_a_token_that_is_refused_altogether_is_an_error_of_its_own(acme: World):
    name(acme, team="Acme")
    acme.box.configure(tokens={"another": ("*",)})
    with pytest.raises(Unauthorized, match="401"):
        acme.plan()


def test_a_rehearsal_in_the_embedded_sandbox_is_of_no_account(acme: World):
    name(acme, team="Globex")
    assert acme.outcome(rehearsal=True) == "applied"


def test_without_an_account_in_the_configuration_none_is_read(acme: World):
    acme.plan()
    assert "/v2/account" not in [path for _, path, _ in acme.tap.sent]


@pytest.mark.parametrize("fields", [{}, {"team": "Acme", "uuid": TEAM}])
def test_an_account_is_a_team_or_an_id(fields: dict[str, Any]):
    with pytest.raises(ValidationError, match="takes either team or uuid"):
        Account(**fields)


# --- what a plan says of the account and of the time ----------------------------------------------------------------


def codes(world: World, **wanted: Any) -> dict[str, str]:
    return {finding.code: finding.message for finding in world.plan(**wanted).findings}


def test_c88_an_account_that_has_none_of_many_apps_is_said(world: World):
    world.write(*(web(f"app-{number}") for number in range(12)))
    assert codes(world)["none-live"] == "this account has none of these 12 apps"
    world.create(web("other"))
    assert codes(world)["none-live"] == "this account has none of these 12 apps; it has 1 other"
    name(world, uuid=TEAM)
    assert "none-live" not in codes(world)


def test_c88_one_app_that_is_live_or_few_new_ones_are_nothing_to_remark(world: World):
    world.write(*(web(f"app-{number}") for number in range(3)))
    assert codes(world) == {}
    world.apply()
    world.write(*(web(f"app-{number}") for number in range(9)))
    assert codes(world) == {}


def test_c86_a_freeze_is_in_the_plan_and_not_only_refused_at_the_apply(world: World):
    world.write(web())
    world.configure({**CONFIG, "freeze": [{"start": "2000-01-01", "end": "2100-01-01", "reason": "holidays"}]})
    (warning,) = world.plan().findings
    assert warning.code == "freeze"
    assert warning.message == "cannot be applied now: a freeze window is open until 2100-01-01 00:00 UTC (holidays)"
    assert warning.hint == "--override-freeze applies it anyway"
    assert codes(world, override_freeze=True) == {}
    assert codes(world, drift=True) == {}


def test_c87_an_app_that_git_never_had_is_not_taken_for_a_renamed_one(world: World):
    world.create(web("production"))
    world.commit(0, web("staging"))
    assert world.one("staging").findings == ()


def test_c87_an_app_that_another_folder_describes_is_not_taken_for_a_renamed_one(world: World):
    world.commit(0, web("production"))
    world.apply()
    (world.specs / "production.yaml").unlink()
    world.write(web("production"), file="environments/production.yaml")
    world.commit(1, web("staging"))
    assert world.one("staging").findings == ()


def test_c87_a_spec_that_was_removed_is_evidence_and_asked_about(world: World):
    first = world.commit(0, web("shop"))
    world.apply()
    (world.specs / "shop.yaml").unlink()
    world.commit(1, web("store"))
    (question,) = world.one("store").findings
    assert question.message.startswith(f"store is new, and shop has the same components; its spec specs/shop.yaml was "
                                       f"removed from Git after {first[:7]} (Ada Byron, ")  # fmt: skip
    assert question.message.endswith(": was it renamed?")
