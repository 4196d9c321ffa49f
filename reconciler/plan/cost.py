"""Estimates a spec's monthly cost by the list prices of `appspec.catalog`, if the platform does not price it."""

from __future__ import annotations

from typing import Any

from reconciler.appspec.catalog import DEV_DATABASE_PRICE, component_price
from reconciler.appspec.kinds import RUNNING_KINDS
from reconciler.plan.canonical import Tree
from reconciler.plan.model import Cost


def estimate(tree: Tree) -> float | None:
    """USD per month of a canonical spec; None if it has a size without a known price, or an invalid count.

    Services and workers count with their instances (under autoscaling the minimum); jobs run too briefly to be
    estimated, static sites and functions have an allowance.
    """
    total = 0.0
    for kind in RUNNING_KINDS:
        for component in _items(tree, kind):
            price = component_price(component)
            if price is None:
                return None
            total += price
    return total + sum(DEV_DATABASE_PRICE for database in _items(tree, "databases") if not database.get("production"))


def compared(live: Tree | None, desired: Tree, proposed: float | None) -> Cost:
    """The cost before and after. ``proposed`` is the platform's price of the new spec, which takes precedence.

    The difference uses list prices on both sides, so that a price that only the platform knows cannot look
    like a change.
    """
    before = estimate(live) if live is not None else 0.0
    after = estimate(desired)
    if proposed is None:
        return Cost(before, after, estimated=True)
    if live is None:
        return Cost(0.0, float(proposed))
    if before is None or after is None:
        return Cost(None, float(proposed))
    return Cost(round(max(0.0, proposed - after + before), 2), float(proposed))


def unchanged(tree: Tree) -> Cost:
    """The cost of an app that stays as it is."""
    amount = estimate(tree)
    return Cost(amount, amount, estimated=True)


def _items(tree: Tree, kind: str) -> list[dict[str, Any]]:
    found = tree.get(kind)
    return [item for item in found.values() if isinstance(item, dict)] if isinstance(found, dict) else []
