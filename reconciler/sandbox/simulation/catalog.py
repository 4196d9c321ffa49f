"""What the platform offers: regions, and instance sizes with their prices.

Source: the examples of the vendor's API description (2026-08). The legacy sizes' prices are as they were once
listed and unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import Tree

DEFAULT_SIZE = "apps-s-1vcpu-0.5gb"
DEV_DATABASE_PRICE = 7.0
STATIC_APP_PRICE = 3.0
"""USD a month of a static app beyond the free ones (unverified)."""

_SECONDS_A_MONTH = 2_419_200  # 28 days, which the description's prices a second are made with
_GIB = 1024**3

# slug, name, cpus, memory in GiB, USD a month, bandwidth in GiB
_SIZES = (
    ("apps-s-1vcpu-0.5gb", "Shared 1VCPU 0.5GB", 1, 0.5, 5, 50),
    ("apps-s-1vcpu-1gb-fixed", "Shared 1VCPU 1GB Fixed", 1, 1, 10, 100),
    ("apps-s-1vcpu-1gb", "Shared 1VCPU 1GB", 1, 1, 12, 150),
    ("apps-s-1vcpu-2gb", "Shared 1VCPU 2GB", 1, 2, 25, 200),
    ("apps-s-2vcpu-4gb", "Shared 2VCPU 4GB", 2, 4, 50, 250),
    ("apps-d-1vcpu-0.5gb", "Dedicated 1VCPU 0.5GB", 1, 0.5, 29, 100),
    ("apps-d-1vcpu-1gb", "Dedicated 1VCPU 1GB", 1, 1, 34, 200),
    ("apps-d-1vcpu-2gb", "Dedicated 1VCPU 2GB", 1, 2, 39, 300),
    ("apps-d-1vcpu-4gb", "Dedicated 1VCPU 4GB", 1, 4, 49, 400),
    ("apps-d-2vcpu-4gb", "Dedicated 2VCPU 4GB", 2, 4, 78, 500),
    ("apps-d-2vcpu-8gb", "Dedicated 2VCPU 8GB", 2, 8, 98, 600),
    ("apps-d-4vcpu-8gb", "Dedicated 4VCPU 8GB", 4, 8, 156, 700),
    ("apps-d-4vcpu-16gb", "Dedicated 4VCPU 16GB", 4, 16, 196, 800),
    ("apps-d-8vcpu-32gb", "Dedicated 8VCPU 32GB", 8, 32, 392, 900),
)
_LEGACY = (
    ("basic-xxs", "Basic XXS", 1, 0.5, 5, 40),
    ("basic-xs", "Basic XS", 1, 1, 10, 40),
    ("basic-s", "Basic S", 1, 2, 20, 40),
    ("basic-m", "Basic M", 2, 4, 40, 40),
    ("professional-xs", "Professional XS", 1, 1, 12, 100),
    ("professional-s", "Professional S", 1, 2, 25, 100),
    ("professional-m", "Professional M", 2, 4, 50, 100),
    ("professional-1l", "Professional 1L", 1, 4, 75, 100),
    ("professional-l", "Professional L", 2, 8, 150, 100),
    ("professional-xl", "Professional XL", 4, 16, 300, 100),
)
PRICES = {slug: float(usd) for slug, _, _, _, usd, _ in _SIZES + _LEGACY}
"""USD a month of one instance, by size."""

# slug, label, flag, continent, data centers
_REGIONS = (
    ("ams", "Amsterdam", "netherlands", "Europe", ("ams3",)),
    ("nyc", "New York", "usa", "North America", ("nyc1", "nyc3")),
    ("fra", "Frankfurt", "germany", "Europe", ("fra1",)),
    ("sfo", "San Francisco", "usa", "North America", ("sfo3",)),
    ("sgp", "Singapore", "singapore", "Asia", ("sgp1",)),
    ("blr", "Bangalore", "india", "Asia", ("blr1",)),
    ("tor", "Toronto", "canada", "North America", ("tor1",)),
    ("lon", "London", "uk", "Europe", ("lon1",)),
    ("syd", "Sydney", "australia", "Oceania", ("syd1",)),
    ("atl", "Atlanta", "usa", "North America", ("atl1",)),
)


def _size(row: tuple[str, str, int, float, int, int], *, legacy: bool) -> Tree:
    slug, name, cpus, memory, usd, bandwidth = row
    dedicated = slug.startswith("apps-d-")
    basic = slug in ("apps-s-1vcpu-0.5gb", "apps-s-1vcpu-1gb-fixed") or slug.startswith("basic-")
    out: Tree = {
        "name": name,
        "slug": slug,
        "cpu_type": "DEDICATED" if dedicated else "SHARED",
        "cpus": str(cpus),
        "memory_bytes": str(int(memory * _GIB)),
        "usd_per_month": f"{usd:.2f}",
        "usd_per_second": f"{usd / _SECONDS_A_MONTH:.12f}",
        "tier_slug": "basic" if basic else "professional",
        "bandwidth_allowance_gib": str(bandwidth),
    }
    flags = {"single_instance_only": basic, "scalable": dedicated, "deprecation_intent": legacy}
    return out | {name: True for name, holds in flags.items() if holds}


INSTANCE_SIZES = [_size(row, legacy=False) for row in _SIZES]
"""The sizes that are offered, as the API lists them."""

SIZES_BY_SLUG = {size["slug"]: size for size in [*INSTANCE_SIZES, *(_size(row, legacy=True) for row in _LEGACY)]}
"""All sizes, with those no longer offered."""

REGIONS = [
    {"slug": slug, "label": label, "flag": flag, "continent": continent, "data_centers": list(centers)}
    | ({"default": True} if slug == "nyc" else {})
    for slug, label, flag, continent, centers in _REGIONS
]
"""The regions, as the API lists them."""

REGIONS_BY_SLUG = {region["slug"]: region for region in REGIONS}


def monthly_cost(spec: Tree) -> float:
    """USD a month of a spec's instances and development databases; under autoscaling that of the fewest instances.

    Jobs are not counted: they are billed by the second they run, which nobody knows beforehand.
    """
    total = 0.0
    for kind in ("services", "workers"):
        for item in spec.get(kind) or []:
            scaling = item.get("autoscaling") or {}
            count = scaling.get("min_instance_count") or item.get("instance_count") or 1
            total += PRICES[str(item.get("instance_size_slug") or DEFAULT_SIZE)] * int(count)
    databases = spec.get("databases") or []
    return total + DEV_DATABASE_PRICE * sum(not item.get("production") for item in databases)


def is_static(spec: Tree) -> bool:
    """Whether an app is static sites only."""
    others = ("services", "workers", "jobs", "functions", "databases")
    return bool(spec.get("static_sites")) and not any(spec.get(kind) for kind in others)
