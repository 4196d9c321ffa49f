"""The kinds of components, which of them do what, and the kinds of logs they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

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
