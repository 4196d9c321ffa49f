"""What components there are: their kinds, logs, sizes and prices, and which of them requests reach.

Source of regions and sizes: the examples in the vendor's OpenAPI description (2026-08). Prices are USD a month. Sizes
that are no longer offered have their last listed prices, which are unverified, and so is whether they scale.
`checks/contract.py` holds the table against the description.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

COMPONENT_KINDS = ("services", "static_sites", "jobs", "workers", "functions", "databases")
"""The lists of an app spec that hold components, in the order people write them."""

BUILT_KINDS = COMPONENT_KINDS[:-1]
"""Those that have a source."""

RUNNING_KINDS = ("services", "workers")
"""Those with instances that keep running: they have health, and cost by the month."""

SIZED_KINDS = (*RUNNING_KINDS, "jobs")
"""Those with an instance size."""

ROUTABLE_KINDS = ("services", "static_sites", "functions")
"""Those that requests can reach."""

SINGULAR = {
    "services": "service",
    "static_sites": "static site",
    "jobs": "job",
    "workers": "worker",
    "functions": "functions component",
    "databases": "database",
}
"""What people call one of a kind."""

SOURCE_FIELDS = ("git", "github", "gitlab", "bitbucket", "image")
"""The fields of a component that say where its code comes from: one of them."""

_ROUTED = ("PUBLIC_URL", "PUBLIC_ROUTE_PATH", "COMMIT_HASH")
BINDABLE: Mapping[str, tuple[str, ...]] = {
    "services": (*_ROUTED, "PUBLIC_DOMAIN", "PRIVATE_DOMAIN", "PRIVATE_URL", "PRIVATE_PORT"),
    "static_sites": (*_ROUTED, "PUBLIC_DOMAIN"),
    "functions": (*_ROUTED, "PUBLIC_DOMAIN", "FUNCTIONS_LOG_DESTINATION_JSON"),
    "workers": ("COMMIT_HASH", "PRIVATE_DOMAIN"),
    "jobs": ("COMMIT_HASH",),
    "databases": (
        *("HOSTNAME", "PORT", "USERNAME", "PASSWORD", "DATABASE", "DATABASE_URL", "JDBC_DATABASE_URL"),
        *("DATABASE_PRIVATE_URL", "REDIS_URL", "CA_CERT"),
    ),
}
"""What ``${name.X}`` can refer to, next to the component's own variables (source: the vendor's reference)."""

LogType = Literal["BUILD", "DEPLOY", "RUN", "RUN_RESTARTED", "AUTOSCALE_EVENT"]
"""The types of logs, as in the API's parameter."""


def components(spec: Any, kinds: Collection[str] = BUILT_KINDS) -> list[tuple[str, dict[str, Any]]]:
    """(kind, component) of any document that is meant for a spec, in the order of the kinds."""
    known = spec if isinstance(spec, Mapping) else {}
    lists = ((kind, items) for kind in kinds if isinstance(items := known.get(kind), list))
    return [(kind, item) for kind, items in lists for item in items if isinstance(item, dict)]


# --- What the platform offers and charges ---


DEFAULT_SIZE = "apps-s-1vcpu-0.5gb"
DEV_DATABASE_PRICE = 7.0
DEV_ENGINES = ("PG", "VALKEY")
"""The engines of development databases (source: the vendor's documentation and its samples)."""
STATIC_APP_PRICE = 3.0
"""Of a static app beyond the free ones (unconfirmed)."""

_MOST_INSTANCES = 1_000_000


class InstanceSize(NamedTuple):
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


class Region(NamedTuple):
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

SizeSlug = Literal[
    "apps-s-1vcpu-0.5gb", "apps-s-1vcpu-1gb-fixed", "apps-s-1vcpu-1gb", "apps-s-1vcpu-2gb", "apps-s-2vcpu-4gb",
    "apps-d-1vcpu-0.5gb", "apps-d-1vcpu-1gb", "apps-d-1vcpu-2gb", "apps-d-1vcpu-4gb", "apps-d-2vcpu-4gb",
    "apps-d-2vcpu-8gb", "apps-d-4vcpu-8gb", "apps-d-4vcpu-16gb", "apps-d-8vcpu-32gb", "basic-xxs", "basic-xs",
    "basic-s", "basic-m", "professional-xs", "professional-s", "professional-m", "professional-1l", "professional-l",
    "professional-xl",
]  # fmt: skip
"""The slugs as a type, for the models; a test holds both alike."""

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


# --- Whether an app receives requests from outside, according to any document meant for its spec ---


def is_offline(spec: Mapping[str, Any]) -> bool:
    """Whether the app serves only its maintenance page (``archive`` implies ``enabled``)."""
    maintenance = spec.get("maintenance")
    return isinstance(maintenance, dict) and (maintenance.get("enabled") is True or maintenance.get("archive") is True)


def has_address(spec: Mapping[str, Any]) -> bool:
    """Whether the app has a live URL: a static site, functions, or a service that is not internal.

    Workers, jobs and databases serve no requests; a service with only internal ports serves none from outside.
    """
    if components(spec, ("static_sites", "functions")):
        return True
    rules = components(spec.get("ingress"), ("rules",))  # a list of mappings like those of components
    routed = {name for _, rule in rules for name in _named(rule.get("component"))}
    return any(
        not service.get("internal_ports")
        or service.get("http_port")
        or service.get("routes")
        or routed.intersection(_named(service))
        for _, service in components(spec, ("services",))
    )


def _named(component: Any) -> Iterator[str]:
    if isinstance(component, dict) and isinstance(component.get("name"), str):
        yield component["name"]
