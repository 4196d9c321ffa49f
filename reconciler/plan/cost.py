"""What a spec costs a month by list prices, for the part of a plan that the platform does not tell.

Prices: USD a month and instance, from the example of instance sizes in the vendor's OpenAPI description (2026-08);
legacy sizes as once listed, which nobody could verify. Development databases: 7.
"""

from __future__ import annotations

from typing import Any

from reconciler.plan.canonical import Tree
from reconciler.plan.model import Cost

_SIZES = {
    "apps-s-1vcpu-0.5gb": 5,
    "apps-s-1vcpu-1gb-fixed": 10,
    "apps-s-1vcpu-1gb": 12,
    "apps-s-1vcpu-2gb": 25,
    "apps-s-2vcpu-4gb": 50,
    "apps-d-1vcpu-0.5gb": 29,
    "apps-d-1vcpu-1gb": 34,
    "apps-d-1vcpu-2gb": 39,
    "apps-d-1vcpu-4gb": 49,
    "apps-d-2vcpu-4gb": 78,
    "apps-d-2vcpu-8gb": 98,
    "apps-d-4vcpu-8gb": 156,
    "apps-d-4vcpu-16gb": 196,
    "apps-d-8vcpu-32gb": 392,
    "basic-xxs": 5,
    "basic-xs": 10,
    "basic-s": 20,
    "basic-m": 40,
    "professional-xs": 12,
    "professional-s": 25,
    "professional-m": 50,
    "professional-1l": 75,
    "professional-l": 150,
    "professional-xl": 300,
}
_DEFAULT_SIZE = "apps-s-1vcpu-0.5gb"
_DEV_DATABASE = 7.0
_MOST_INSTANCES = 1_000_000


def estimate(tree: Tree) -> float | None:
    """USD a month of a canonical spec; None if it has a size without a known price, or a count that is none.

    Services and workers count with their instances (under autoscaling the fewest); jobs run too shortly to be
    estimated, static sites and functions have an allowance.
    """
    total = 0.0
    for kind in ("services", "workers"):
        for component in _items(tree, kind):
            price = _SIZES.get(str(component.get("instance_size_slug", _DEFAULT_SIZE)))
            count = _instances(component)
            if price is None or count is None:
                return None
            total += price * count
    return total + sum(_DEV_DATABASE for database in _items(tree, "databases") if not database.get("production"))


def compared(live: Tree | None, desired: Tree, proposed: float | None) -> Cost:
    """The cost before and after. ``proposed`` is what the platform says of the new spec, which counts for more.

    What it adds is told by list prices on both sides, so that a price the platform knows and we do not cannot look
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


def _instances(component: dict[str, Any]) -> int | None:
    """The instances of a component; None where what stands there is no number of them."""
    autoscaling = component.get("autoscaling")
    if isinstance(autoscaling, dict):
        count = autoscaling.get("min_instance_count", 1)
    else:
        count = component.get("instance_count", 1)
    return count if isinstance(count, int) and 0 <= count <= _MOST_INSTANCES else None
