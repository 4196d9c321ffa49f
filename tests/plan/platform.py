"""What App Platform makes of a spec, under every answer to the questions nobody could verify; and plans against it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import strategies as st

from reconciler.config import Policy
from reconciler.desired.load import DesiredApp
from reconciler.live.models import LiveApp
from reconciler.plan.align import Secrets
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import Comparison, compare, payload
from reconciler.sandbox import Settings
from reconciler.sandbox.simulation.normalise import cleaned, encrypted, normalised
from reconciler.yamltext import Document

Spec = dict[str, Any]

_numbers = itertools.count()

switches = st.builds(
    Settings,
    fills_defaults=st.sampled_from(["recorded", "common", "documented", "none"]),
    returns_general_type=st.booleans(),
    rewrites_routes=st.booleans(),
    routes_order=st.sampled_from(["declared", "longest"]),
    reorders_envs=st.booleans(),
    omits_zero_values=st.booleans(),
)
"""Every switch that decides how a stored spec comes back."""


def stored(spec: Mapping[str, Any], settings: Settings | None = None) -> Spec:
    """The spec as the platform answers it after it was sent."""
    settings = settings or Settings()
    rendered = normalised(cleaned(dict(spec)), settings)
    return encrypted(rendered, settings, b"key", "app", next(_numbers))


def live(spec: Mapping[str, Any], **more: Any) -> LiveApp:
    """A quiet app with that spec, active and all."""
    active = {"id": "d1", "phase": "ACTIVE", "spec": spec}
    return LiveApp.model_validate({"id": "app", "spec": spec, "active_deployment": active, **more})


def against(
    spec: Mapping[str, Any], answered: Mapping[str, Any], policy: Policy | None = None, secrets: Secrets | None = None
) -> Comparison:
    """Git's spec against what the platform answers."""
    return compare(spec, live(answered), policy or Policy(), secrets=secrets)


def told(comparison: Comparison) -> dict[str, tuple[str, Any, Any]]:
    """The changes by human path."""
    return {change.human_path: (change.kind.value, change.before, change.after) for change in comparison.changes}


def sent(
    spec: Mapping[str, Any], answered: Mapping[str, Any], policy: Policy | None = None, secrets: Secrets | None = None
) -> Spec:
    """What would be sent."""
    return payload(spec, answered, ignore=(policy or Policy()).ignore, secrets=secrets)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two specs mean the same."""
    return canonical(one) == canonical(other)


def desired(spec: Spec, **more: Any) -> DesiredApp:
    """Git's app, as a file that says so."""
    text = yaml.safe_dump(spec, sort_keys=False)
    return DesiredApp(str(spec.get("name", "")), spec, Document("specs/app.yaml", text, 0, spec), **more)


def service(name: str = "api", **more: Any) -> Spec:
    """A service from an image."""
    image = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": "1.27"}
    return {"name": name, "image": image, **more}


def app(name: str = "web", **more: Any) -> Spec:
    """An app with one service; more fields, or other services, by keyword."""
    return {"name": name, "services": [service()], **more}


def env(key: str, value: str | None = None, **more: Any) -> Spec:
    """An environment variable; without a value if that is None."""
    return {"key": key, **({} if value is None else {"value": value}), **more}


def secret(key: str, value: str | None = None) -> Spec:
    """The same, of type SECRET."""
    return env(key, value, type="SECRET")


CIPHER = "EV[1:bm9uY2U=:Y2lwaGVydGV4dA==]"
OTHER = "EV[1:b3RoZXI=:Y2lwaGVydGV4dA==]"
