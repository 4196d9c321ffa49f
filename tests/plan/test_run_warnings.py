"""What a plan says of a whole run: an account that has none of the apps that Git wants (C88)."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.plan.warnings import of_run

NEW = Plan("new", SyncStatus.ABSENT, Action.CREATE)
THERE = Plan("there", SyncStatus.IN_SYNC, Action.NONE)


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (0, "this account has none of these 4 apps"),
        (1, "this account has none of these 4 apps; it has 1 other"),
        (7, "this account has none of these 4 apps; it has 7 others"),
    ],
)
def test_an_account_that_has_none_of_many_apps_is_warned_of(live: int, said: str) -> None:
    (finding,) = of_run([NEW] * 4, live, named=False)
    assert finding.message == said
    assert "`account` in reconcile.yaml" in finding.hint


def test_a_few_new_apps_one_that_is_there_or_a_named_account_are_no_reason_to_warn() -> None:
    assert of_run([NEW] * 3, 7, named=False) == ()
    assert of_run([*[NEW] * 4, THERE], 7, named=False) == ()
    assert of_run([NEW] * 4, 7, named=True) == ()
