"""`Sandbox`: a simulated App Platform, with controls that the real one lacks."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.routing import Route, Router

from reconciler.appspec.kinds import RUNNING_KINDS, components
from reconciler.sandbox.api import APPS, FURTHER_OPERATIONS, OPERATIONS
from reconciler.sandbox.api.apps import get_app_by_name
from reconciler.sandbox.http.control import control_route, from_body
from reconciler.sandbox.http.gateway import Gateway, PathServer
from reconciler.sandbox.http.request import Operation, not_found
from reconciler.sandbox.settings import Settings, changed, to_data, without_tokens
from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.faults import Fault
from reconciler.sandbox.simulation.lifecycle import TERMINAL, hurry
from reconciler.sandbox.simulation.render import BY_PLATFORM
from reconciler.sandbox.simulation.running import count_of
from reconciler.sandbox.simulation.simulation import Cause, Simulation
from reconciler.sandbox.simulation.store import TABLES, App, Store, Tree, Tx, dumps
from reconciler.sandbox.web.routes import Web
from reconciler.sandbox.web.summary import AppSummary, summaries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_SECONDS = 10 * 365 * 86400
"""How far the clock can be moved at once."""


class Sandbox:
    """An App Platform over a SQLite file (or in memory), served by the ASGI app `asgi`.

    Nothing runs in the background and nothing sleeps: each request first applies everything that is due by ``now``.

    Args:
        path: the database file, which several processes may share; None: in memory.
        now: the clock, seconds since 1970.
        settings: how the sandbox behaves; stored in the file. None: those stored in the file, else the defaults.
        base_url: the base of links, live URLs and log URLs; None: the address that each request used.
        sleep: waits out injected latency; None: latency is only reported in the header ``x-sandbox-latency``.
    """

    def __init__(
        self,
        path: Path | None = None,
        now: Callable[[], float] = time.time,
        settings: Settings | None = None,
        base_url: str | None = "http://sandbox",
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._store = Store(path)
        if settings is not None:
            with self._store.write() as tx:
                tx.set_meta("settings", dumps(to_data(settings)))
        self._simulation = Simulation(self._store, now)
        self._gateway = Gateway(self._simulation, base_url, sleep)
        self._router = Router(self._routes(), redirect_slashes=False, default=self._missing)

    @property
    def asgi(self) -> ASGIApp:
        """The ASGI app; it raises `ConnectionLost` when a fault breaks the connection."""
        return self._router

    def _routes(self) -> list[BaseRoute]:
        paths: dict[str, dict[str, Operation]] = {}
        for operation in (*FURTHER_OPERATIONS, *OPERATIONS):
            paths.setdefault(operation.path.replace("{id}", "{id:str}"), {})[operation.method] = operation
        by_name = Operation("apps_get", "GET", APPS + "/", "app:read", get_app_by_name)
        return [
            *(Route(path, endpoint=PathServer(self._gateway, operations)) for path, operations in paths.items()),
            Route(APPS + "/", endpoint=PathServer(self._gateway, {"GET": by_name})),
            *Web(self._gateway).routes(),
            control_route(self.controls()),
        ]

    def controls(self) -> dict[str, Callable[[Tree], Any]]:
        """The handlers of the control API by method and name, each a function of the request body."""

        def add_fault(body: Tree) -> Tree:
            fault = Fault.from_data(body)
            return {"id": self.fault(fault), **asdict(fault)}

        def advance(body: Tree) -> None:
            from_body(self.finish if "app" in body else self.advance)(body)

        return {
            "GET faults": lambda _: {"faults": self.faults()},
            "POST faults": add_fault,
            "DELETE faults": from_body(self.clear_faults),
            "GET settings": lambda _: without_tokens(self.settings),
            "POST settings": lambda body: without_tokens(self.configure(**body)),
            "GET state": from_body(self.state),
            "POST push": from_body(self.push),
            "POST deploy": from_body(self.platform_deployment, kind="type"),
            "POST autoscale": from_body(self.autoscale),
            "POST health": from_body(self.set_health),
            "POST jobs": from_body(self.run_job),
            "POST advance": advance,
            "POST settle": from_body(self.settle),
            "POST reset": from_body(self.reset),
        }

    async def _missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._gateway.refused(not_found())(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    @property
    def settings(self) -> Settings:
        """The current settings."""
        return self._simulation.settings()

    def configure(self, **changes: Any) -> Settings:
        """Change settings, for every process that shares the file.

        Raises:
            ValueError: unknown setting, or invalid value.
        """
        with self._store.write() as tx:
            settings = changed(self._simulation.at(tx).settings, changes)
            tx.set_meta("settings", dumps(to_data(settings)))
        return settings

    def fail(self, app: str, where: str, times: int = 1, component: str = "", **more: Any) -> int:
        """Make the next deployments of an app fail in ``build``, ``deploy`` or ``health``; return the fault's id.

        The app need not exist yet. ``more`` are further fields of `Fault`.

        Raises:
            ValueError: invalid field.
        """
        if where not in ("build", "deploy", "health"):
            raise ValueError("where must be build, deploy or health")
        return self.fault(Fault.from_data({"kind": where, "app": app, "times": times, "component": component, **more}))

    def fault(self, fault: Fault) -> int:
        """Add a fault; return its id."""
        with self._store.write() as tx:
            return faults.add(tx, fault)

    def faults(self) -> list[Tree]:
        """The pending faults."""
        with self._store.read() as tx:
            return faults.listed(tx)

    def clear_faults(self) -> None:
        """Remove all pending faults; deployments that already failed stay failed."""
        with self._store.write() as tx:
            tx.sql("DELETE FROM faults")

    def push(self, app: str, component: str = "") -> Tree:
        """Simulate a push to the sources of an app, or of one component.

        Returns:
            ``{"deployment_id": …}``: the deployment it starts; "" if nothing deploys on push or the app is pinned.

        Raises:
            ValueError: no such app or component.
        """
        with self._simulation.changing() as platform:
            found = _app(platform.tx, app)
            pushed = [item for _, item in components(found.spec) if component in ("", item["name"])]
            if component and not pushed:
                raise ValueError(f"app {app} has no component {component!r}")
            made = platform.push(found, pushed)
            return {"deployment_id": made.id if made else ""}

    def platform_deployment(self, app: str, kind: str = "MAINTENANCE") -> Tree:
        """Start a deployment that the platform makes: MAINTENANCE, UPDATE_DATABASE_TRUSTED_SOURCES or AUTOSCALED.

        Returns:
            ``{"deployment_id": …}``; "" if the app is pinned.

        Raises:
            ValueError: no such app or kind.
        """
        if kind not in BY_PLATFORM:
            raise ValueError(f"type must be one of {', '.join(BY_PLATFORM)}")
        with self._simulation.changing() as platform:
            found = _app(platform.tx, app)
            if found.pinned:
                return {"deployment_id": ""}
            domains = (found.spec.get("domains") or []) if kind == "MAINTENANCE" else []
            text = f"domain {domains[-1]['domain']} ready" if domains else kind.lower().replace("_", " ")
            cause = Cause(kind, text, builds=False, newest_sources=False)
            return {"deployment_id": platform.deploy(found, found.spec, cause).id}

    def autoscale(self, app: str, component: str, to: int, metric: str = "cpu") -> Tree:
        """Start an autoscaling event; return ``{"event_id": …}``.

        Raises:
            ValueError: no such app or component, or the component has no autoscaling.
        """
        with self._simulation.changing() as platform:
            found = _app(platform.tx, app)
            item = _component(found, component, RUNNING_KINDS)
            if not item.get("autoscaling") or to < 1:
                raise ValueError(f"component {component} has no autoscaling, or cannot scale to {to}")
            change = {"from": count_of(found, item), "to": to, "triggering_metric": metric}
            found.counts[component] = to
            if platform.settings.autoscaling_writes_count:
                item["instance_count"] = to
            seconds = platform.settings.speed.autoscale
            event_id = platform.event(found, "AUTOSCALING", {"components": {component: change}, "seconds": seconds})
            platform.save(found)
            return {"event_id": event_id}

    def set_health(self, app: str, component: str, state: str) -> None:
        """Report a component as HEALTHY, UNHEALTHY or UNKNOWN until the next deployment; "" removes the override.

        Raises:
            ValueError: no such app, component or state.
        """
        if state not in ("", "HEALTHY", "UNHEALTHY", "UNKNOWN"):
            raise ValueError("state must be HEALTHY, UNHEALTHY, UNKNOWN or empty")
        with self._simulation.changing() as platform:
            found = _app(platform.tx, app)
            _component(found, component, RUNNING_KINDS)
            found.health.pop(component, None)
            if state:
                found.health[component] = state
            platform.save(found)

    def run_job(self, app: str, job: str, result: str = "SUCCEEDED") -> Tree:
        """Run a job now; return ``{"job_invocation_id": …}``.

        Raises:
            ValueError: no such app or job.
        """
        if result not in ("SUCCEEDED", "FAILED", "SKIPPED"):
            raise ValueError("result must be SUCCEEDED, FAILED or SKIPPED")
        with self._simulation.changing() as platform:
            found = _app(platform.tx, app)
            item = _component(found, job, ("jobs",))
            trigger: Tree = {"type": "MANUAL", "manual": {"user": platform.user}}
            if item.get("schedule"):
                trigger = {"type": "SCHEDULE", "scheduled": {"schedule": item["schedule"]}}
            return {"job_invocation_id": platform.invoke(found, item, trigger, result)}

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward, for every process that shares the file.

        Raises:
            ValueError: the seconds are negative, no number, or more than `MOST_SECONDS`.
        """
        if not 0 <= seconds <= MOST_SECONDS:  # not a number is neither
            raise ValueError(f"seconds must be from 0 to {MOST_SECONDS}")
        with self._store.write() as tx:
            tx.set_meta("offset", repr(float(tx.meta("offset") or "0") + seconds))
        with self._simulation.changing():
            pass

    def settle(self) -> Tree:
        """Move the clock forward until no deployment is under way, but those that hang, and health is known.

        Returns:
            ``{"seconds": …}``: how far the clock was moved.
        """

        def ahead() -> float | None:
            with self._simulation.changing() as platform:
                due = platform.tx.sql("SELECT max(due_at) FROM apps")[0][0]
                return None if due is None else due - platform.now + 0.001  # or rounding might stop just before it

        moved = 0.0
        while (seconds := ahead()) is not None:
            self.advance(seconds)
            moved += seconds
        settle = self.settings.speed.settle if moved else 0.0
        self.advance(settle)
        return {"seconds": round(moved + settle, 1)}

    def finish(self, app: str) -> None:
        """Complete an app's deployments at once, those that hang included.

        Raises:
            ValueError: no such app.
        """
        with self._simulation.changing() as platform:
            found = _app(platform.tx, app)
            for deployment in platform.tx.deployments(found.id):
                if deployment.phase not in TERMINAL:
                    hurry(deployment, platform.now)
                    platform.tx.save_deployment(deployment)
            platform.save(found)
            platform.advance()

    def summary(self, limit: int = 1000) -> list[AppSummary]:
        """Summaries of at most ``limit`` apps."""
        with self._simulation.reading() as platform:
            return summaries(platform, limit)

    def state(self) -> Tree:
        """The whole state, for inspection: clock, apps, deployments, faults, settings without tokens."""
        with self._store.read() as tx:
            platform = self._simulation.at(tx)
            apps = [app for (app_id,) in tx.sql("SELECT id FROM apps ORDER BY seq") if (app := tx.app(app_id))]
            state = {"now": platform.now, "settings": without_tokens(platform.settings), "faults": faults.listed(tx)}
            return state | {"apps": [_app_state(tx, app) for app in apps]}

    def reset(self) -> None:
        """Delete all apps and faults; keep the settings."""
        with self._store.write() as tx:
            for table in TABLES:
                tx.sql(f"DELETE FROM {table}")  # noqa: S608 - constant names
            tx.set_meta("offset", "0")

    def close(self) -> None:
        """Close the database."""
        self._store.close()


def _app(tx: Tx, name: str) -> App:
    app = tx.app_named(name) or tx.app(name)
    if app is None:
        raise ValueError(f"no such app: {name!r}")
    return app


def _component(app: App, name: str, kinds: tuple[str, ...]) -> Tree:
    for _, item in components(app.spec, kinds):
        if item["name"] == name:
            return item
    raise ValueError(f"app {app.name} has no component {name!r} among its {' and '.join(kinds)}")


def _app_state(tx: Tx, app: App) -> Tree:
    names = ("id", "phase", "kind", "action", "created_at")
    made = [{name: getattr(item, name) for name in names} for item in tx.deployments(app.id)]
    roles = {role: getattr(app, role) for role in ("active", "in_progress", "pending", "pinned")}
    return {"id": app.id, "name": app.name, **roles, "deployments": made}
