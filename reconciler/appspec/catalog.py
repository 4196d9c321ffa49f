"""What the platform offers and charges: regions, instance sizes, development databases.

Source: the examples of regions and sizes in the vendor's OpenAPI description (2026-08). Prices are USD a month.
Sizes that are no longer offered have their last listed prices, which are unverified, and so is whether they scale.
`checks/contract.py` holds the table against the description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

DEFAULT_SIZE = "apps-s-1vcpu-0.5gb"
DEV_DATABASE_PRICE = 7.0
DEV_ENGINES = ("PG", "VALKEY")
"""The engines of development databases (source: the vendor's documentation and its samples)."""
STATIC_APP_PRICE = 3.0
"""Of a static app beyond the free ones (unconfirmed)."""

_MOST_INSTANCES = 1_000_000


@dataclass(frozen=True, slots=True)
class InstanceSize:
    """A size of instances. ``legacy``: still valid in specs, no longer offered.

    A component of a size that is ``single_instance_only`` has one instance; only one that is ``scalable`` may have
    `autoscaling`.
    """

    slug: str
    name: str
    cpus: int
    memory_gib: float
    price: float
    bandwidth_gib: int
    single_instance_only: bool = False
    scalable: bool = False
    legacy: bool = False

    @property
    def tier(self) -> str:
        """``basic`` or ``professional``."""
        return "basic" if self.single_instance_only else "professional"


@dataclass(frozen=True, slots=True)
class Region:
    """A region and the data centers in it."""

    slug: str
    label: str
    flag: str
    continent: str
    data_centers: tuple[str, ...]


_SIZES = (
    InstanceSize("apps-s-1vcpu-0.5gb", "Shared 1VCPU 0.5GB", 1, 0.5, 5, 50, single_instance_only=True),
    InstanceSize("apps-s-1vcpu-1gb-fixed", "Shared 1VCPU 1GB Fixed", 1, 1, 10, 100, single_instance_only=True),
    InstanceSize("apps-s-1vcpu-1gb", "Shared 1VCPU 1GB", 1, 1, 12, 150),
    InstanceSize("apps-s-1vcpu-2gb", "Shared 1VCPU 2GB", 1, 2, 25, 200),
    InstanceSize("apps-s-2vcpu-4gb", "Shared 2VCPU 4GB", 2, 4, 50, 250),
    InstanceSize("apps-d-1vcpu-0.5gb", "Dedicated 1VCPU 0.5GB", 1, 0.5, 29, 100, scalable=True),
    InstanceSize("apps-d-1vcpu-1gb", "Dedicated 1VCPU 1GB", 1, 1, 34, 200, scalable=True),
    InstanceSize("apps-d-1vcpu-2gb", "Dedicated 1VCPU 2GB", 1, 2, 39, 300, scalable=True),
    InstanceSize("apps-d-1vcpu-4gb", "Dedicated 1VCPU 4GB", 1, 4, 49, 400, scalable=True),
    InstanceSize("apps-d-2vcpu-4gb", "Dedicated 2VCPU 4GB", 2, 4, 78, 500, scalable=True),
    InstanceSize("apps-d-2vcpu-8gb", "Dedicated 2VCPU 8GB", 2, 8, 98, 600, scalable=True),
    InstanceSize("apps-d-4vcpu-8gb", "Dedicated 4VCPU 8GB", 4, 8, 156, 700, scalable=True),
    InstanceSize("apps-d-4vcpu-16gb", "Dedicated 4VCPU 16GB", 4, 16, 196, 800, scalable=True),
    InstanceSize("apps-d-8vcpu-32gb", "Dedicated 8VCPU 32GB", 8, 32, 392, 900, scalable=True),
    InstanceSize("basic-xxs", "Basic XXS", 1, 0.5, 5, 40, single_instance_only=True, legacy=True),
    InstanceSize("basic-xs", "Basic XS", 1, 1, 10, 40, single_instance_only=True, legacy=True),
    InstanceSize("basic-s", "Basic S", 1, 2, 20, 40, single_instance_only=True, legacy=True),
    InstanceSize("basic-m", "Basic M", 2, 4, 40, 40, single_instance_only=True, legacy=True),
    InstanceSize("professional-xs", "Professional XS", 1, 1, 12, 100, legacy=True),
    InstanceSize("professional-s", "Professional S", 1, 2, 25, 100, legacy=True),
    InstanceSize("professional-m", "Professional M", 2, 4, 50, 100, legacy=True),
    InstanceSize("professional-1l", "Professional 1L", 1, 4, 75, 100, legacy=True),
    InstanceSize("professional-l", "Professional L", 2, 8, 150, 100, legacy=True),
    InstanceSize("professional-xl", "Professional XL", 4, 16, 300, 100, legacy=True),
)
SIZES: Mapping[str, InstanceSize] = MappingProxyType({size.slug: size for size in _SIZES})
"""Every valid size by its slug, those offered first."""

_REGIONS = (
    Region("ams", "Amsterdam", "netherlands", "Europe", ("ams3",)),
    Region("nyc", "New York", "usa", "North America", ("nyc1", "nyc3")),
    Region("fra", "Frankfurt", "germany", "Europe", ("fra1",)),
    Region("sfo", "San Francisco", "usa", "North America", ("sfo3",)),
    Region("sgp", "Singapore", "singapore", "Asia", ("sgp1",)),
    Region("blr", "Bangalore", "india", "Asia", ("blr1",)),
    Region("tor", "Toronto", "canada", "North America", ("tor1",)),
    Region("lon", "London", "uk", "Europe", ("lon1",)),
    Region("syd", "Sydney", "australia", "Oceania", ("syd1",)),
    Region("atl", "Atlanta", "usa", "North America", ("atl1",)),
)
REGIONS: Mapping[str, Region] = MappingProxyType({region.slug: region for region in _REGIONS})
"""Every region by its slug, in the API's order."""


def component_price(component: Mapping[str, Any]) -> float | None:
    """The monthly price of a service or a worker; None for a size without a known price, or an invalid count.

    All its instances count, under autoscaling the fewest there may be.
    """
    size = SIZES.get(str(component.get("instance_size_slug", DEFAULT_SIZE)))
    scaling = component.get("autoscaling")
    counted, name = (scaling, "min_instance_count") if isinstance(scaling, dict) else (component, "instance_count")
    count = counted.get(name, 1)
    if size is None or not isinstance(count, int) or not 0 <= count <= _MOST_INSTANCES:
        return None
    return size.price * count
