"""What can be done to the platform from outside: push, scale, sicken, run jobs, move time, reset.

Shared by `Sandbox`'s methods and the control API.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.settings import Settings, changed, to_data
from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.lifecycle import PHASES, TERMINAL, components, next_due
from reconciler.sandbox.simulation.running import count_of
from reconciler.sandbox.simulation.simulation import Cause, World
from reconciler.sandbox.simulation.store import TABLES, App, Deployment, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.sandbox.http.gateway import Gateway
    from reconciler.sandbox.simulation.store import Tree, Tx


_BY_PLATFORM = ("MAINTENANCE", "UPDATE_DATABASE_TRUSTED_SOURCES", "AUTOSCALED")


class Controls:
    """The controls over a gateway's store."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    @contextmanager
    def _world(self) -> Iterator[World]:
        """The platform as it is now, to be changed."""
        with self.gateway.store.write() as tx:
            world = self.gateway.world(tx)
            world.advance()
            yield world
            world.close()

    def settings(self) -> Settings:
        """The settings as they are now."""
        with self.gateway.store.read() as tx:
            return self.gateway.world(tx).settings

    def configure(self, changes: Mapping[str, Any]) -> Settings:
        """Change settings.

        Raises:
            ValueError: there is no such setting, or the value does not fit.
        """
        with self.gateway.store.write() as tx:
            settings = changed(self.gateway.world(tx).settings, changes)
            tx.set_meta("settings", dumps(to_data(settings)))
            return settings

    def push(self, name: str, component: str = "") -> Tree:
        """See `Sandbox.push`."""
        with self._world() as world:
            app = _app(world.tx, name)
            pushed = [item for _, item in components(app.spec) if component in ("", item["name"])]
            if component and not pushed:
                raise ValueError(f"app {name} has no component {component!r}")
            for item in pushed:
                app.heads[item["name"]] = app.heads.get(item["name"], 0) + 1
            deploying = [item for item in pushed if _deploys_on_push(item)]
            if not deploying or app.pinned:
                world.save(app)
                return {"deployment_id": ""}
            made = world.deploy(app, app.spec, Cause("DEPLOY_ON_PUSH"))
            first = deploying[0]
            made.cause = f"commit {made.commits.get(first['name'], '')[:7]} pushed to {_repository(first)}"
            world.tx.save_deployment(made)
            return {"deployment_id": made.id}

    def platform_deployment(self, name: str, kind: str) -> Tree:
        """See `Sandbox.platform_deployment`."""
        if kind not in _BY_PLATFORM:
            raise ValueError(f"the platform deploys by itself for {', '.join(_BY_PLATFORM)}")
        with self._world() as world:
            app = _app(world.tx, name)
            if app.pinned:
                return {"deployment_id": ""}
            cause = Cause(kind, kind.lower().replace("_", " "), builds=False, newest_sources=False)
            return {"deployment_id": world.deploy(app, app.spec, cause).id}

    def autoscale(self, name: str, component: str, to: int, metric: str) -> Tree:
        """See `Sandbox.autoscale`."""
        with self._world() as world:
            app = _app(world.tx, name)
            item = _component(app, component, ("services", "workers"))
            if not item.get("autoscaling") or to < 1:
                raise ValueError(f"component {component} does not scale by itself, or not to {to}")
            change = {"from": count_of(app, item), "to": to, "triggering_metric": metric}
            app.counts[component] = to
            if world.settings.autoscaling_writes_count:
                item["instance_count"] = to
            seconds = world.settings.speed.autoscale
            event_id = world.event(app, "AUTOSCALING", {"components": {component: change}, "seconds": seconds})
            world.save(app)
            return {"event_id": event_id}

    def set_health(self, name: str, component: str, state: str) -> None:
        """See `Sandbox.set_health`."""
        if state not in ("", "HEALTHY", "UNHEALTHY", "UNKNOWN"):
            raise ValueError("a component is HEALTHY, UNHEALTHY or UNKNOWN")
        with self._world() as world:
            app = _app(world.tx, name)
            _component(app, component, ("services", "workers"))
            app.health.pop(component, None)
            if state:
                app.health[component] = state
            world.save(app)

    def run_job(self, name: str, job: str, result: str) -> Tree:
        """See `Sandbox.run_job`."""
        if result not in ("SUCCEEDED", "FAILED", "SKIPPED"):
            raise ValueError("a job ends SUCCEEDED, FAILED or SKIPPED")
        with self._world() as world:
            app = _app(world.tx, name)
            item = _component(app, job, ("jobs",))
            trigger: Tree = {"type": "MANUAL", "manual": {"user": world.user}}
            if item.get("schedule"):
                trigger = {"type": "SCHEDULE", "scheduled": {"schedule": item["schedule"]}}
            return {"job_invocation_id": world.invoke(app, item, trigger, result)}

    def advance(self, seconds: float) -> None:
        """See `Sandbox.advance`."""
        with self.gateway.store.write() as tx:
            tx.set_meta("offset", repr(float(tx.meta("offset") or "0") + seconds))
        with self._world():
            pass

    def finish(self, name: str) -> None:
        """See `Sandbox.finish`."""
        with self._world() as world:
            app = _app(world.tx, name)
            for deployment in world.tx.deployments(app.id):
                if deployment.phase not in TERMINAL:
                    _hurry(deployment, world.now)
                    world.tx.save_deployment(deployment)
            world.save(app)
            world.advance()

    def state(self) -> Tree:
        """See `Sandbox.state`."""
        with self.gateway.store.read() as tx:
            world = self.gateway.world(tx)
            apps = [app for (app_id,) in tx.sql("SELECT id FROM apps ORDER BY seq") if (app := tx.app(app_id))]
            return {
                "now": world.now,
                "settings": {key: value for key, value in to_data(world.settings).items() if key != "tokens"},
                "faults": faults.listed(tx),
                "apps": [_summary(tx, app) for app in apps],
            }

    def reset(self) -> None:
        """See `Sandbox.reset`."""
        with self.gateway.store.write() as tx:
            for table in TABLES:
                tx.sql(f"DELETE FROM {table}")  # noqa: S608 - names stand in the store
            tx.set_meta("offset", "0")


def _app(tx: Tx, name: str) -> App:
    app = tx.app_named(name) or tx.app(name)
    if app is None:
        raise ValueError(f"there is no app {name!r}")
    return app


def _component(app: App, name: str, kinds: tuple[str, ...]) -> Tree:
    for _, item in components(app.spec, kinds):
        if item["name"] == name:
            return item
    raise ValueError(f"app {app.name} has no such component {name!r} ({', '.join(kinds)})")


def _deploys_on_push(item: Tree) -> bool:
    if item.get("image"):
        return bool((item["image"].get("deploy_on_push") or {}).get("enabled"))
    return any((item.get(kind) or {}).get("deploy_on_push") for kind in ("github", "gitlab", "bitbucket"))


def _repository(item: Tree) -> str:
    for kind in ("github", "gitlab", "bitbucket"):
        if item.get(kind):
            return f"{kind}/{item[kind].get('repo', '')}"
    return str((item.get("image") or {}).get("repository", ""))


def _hurry(deployment: Deployment, now: float) -> None:
    """Everything that lies ahead happens now; what hangs goes on."""
    if deployment.timeline[-1][0] not in TERMINAL:
        missing = [phase for phase in PHASES if all(phase != name for name, _ in deployment.timeline)]
        deployment.timeline += [[phase, now] for phase in [*missing, "ACTIVE"]]
        deployment.fate = None
    for entry in deployment.timeline[deployment.done :]:
        entry[1] = min(entry[1], now)
    deployment.due_at = next_due(deployment)


def _summary(tx: Tx, app: App) -> Tree:
    made: list[Tree] = [
        {"id": item.id, "phase": item.phase, "kind": item.kind, "action": item.action, "created_at": item.created_at}
        for item in tx.deployments(app.id)
    ]
    roles = {role: getattr(app, role) for role in ("active", "in_progress", "pending", "pinned")}
    return {"id": app.id, "name": app.name, **roles, "deployments": made}
