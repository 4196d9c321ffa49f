"""`Sandbox`: an App Platform in a box, with the controls that the real one does not have."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.routing import Route, Router

from reconciler.sandbox.api import APPS, OPERATIONS
from reconciler.sandbox.api.apps import get_app_by_name
from reconciler.sandbox.control import Controls
from reconciler.sandbox.http.control import ControlServer
from reconciler.sandbox.http.gateway import Gateway, PathServer
from reconciler.sandbox.http.refusal import not_found
from reconciler.sandbox.http.request import Operation
from reconciler.sandbox.settings import Settings, to_data
from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.faults import Fault
from reconciler.sandbox.simulation.store import Store, Tree, dumps
from reconciler.sandbox.web.routes import Public
from reconciler.sandbox.web.summary import SeenApp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send


class Sandbox:
    """An App Platform over a SQLite file (or in memory), served by the ASGI app `asgi`.

    Nothing runs in the background and nothing sleeps: every request first lets happen what is due by ``now``.

    Args:
        path: where the state is kept; None: in memory. Several processes may share a file.
        now: the clock, seconds since 1970.
        settings: how the sandbox behaves; kept in the file. None: as the file says, else the defaults.
        base_url: the address that links, live URLs and log URLs begin with; None: as each request was addressed.
        sleep: how injected latency is waited for; None: it is only told in the header ``x-sandbox-latency``.
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
        self._gateway = Gateway(self._store, now, base_url and base_url.rstrip("/"), sleep)
        self._controls = Controls(self._gateway)
        self._public = Public(self._gateway)
        self._router = Router(self._routes(), redirect_slashes=False, default=self._missing)

    @property
    def asgi(self) -> ASGIApp:
        """The ASGI app; `ConnectionLost` leaves it when a fault breaks the connection."""
        return self._router

    def _routes(self) -> list[BaseRoute]:
        paths: dict[str, dict[str, Operation]] = {}
        for operation in OPERATIONS:
            paths.setdefault(operation.path.replace("{id}", "{id:str}"), {})[operation.method] = operation
        by_name = Operation("apps_get", "GET", APPS + "/", "app:read", get_app_by_name)
        routes: list[BaseRoute] = [
            Route(path, endpoint=PathServer(self._gateway, operations)) for path, operations in paths.items()
        ]
        return [
            *routes,
            Route(APPS + "/", endpoint=PathServer(self._gateway, {"GET": by_name})),
            *self._public.routes(),
            *ControlServer(self._controls).routes(),
        ]

    async def _missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._gateway.refused(not_found(), {})(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._controls.settings()

    def configure(self, **changes: Any) -> Settings:
        """Change settings; they hold for every process that shares the file.

        Raises:
            ValueError: there is no such setting, or the value does not fit.
        """
        return self._controls.configure(changes)

    def fail(self, app: str, where: str, times: int = 1, component: str = "", **more: Any) -> int:
        """Let the next deployments of an app fail in ``build``, ``deploy`` or ``health``. The fault's id.

        The app need not exist yet. ``more`` are further fields of `Fault`.

        Raises:
            ValueError: a field does not fit.
        """
        if where not in ("build", "deploy", "health"):
            raise ValueError("a deployment fails in build, deploy or health")
        return self.fault(Fault.from_data({"kind": where, "app": app, "times": times, "component": component, **more}))

    def fault(self, fault: Fault) -> int:
        """Have something go wrong, see `Fault`. Its id."""
        with self._store.write() as tx:
            return faults.add(tx, fault)

    def faults(self) -> list[Tree]:
        """The faults that are waiting."""
        with self._store.read() as tx:
            return faults.listed(tx)

    def clear_faults(self) -> None:
        """Forget every fault; what already failed stays so."""
        with self._store.write() as tx:
            tx.sql("DELETE FROM faults")

    def push(self, app: str, component: str = "") -> Tree:
        """Somebody pushes to the sources of an app (or of one component).

        Returns:
            ``{"deployment_id": …}``: the deployment this makes, "" where nothing deploys on push or the app is pinned.

        Raises:
            ValueError: there is no such app or component.
        """
        return self._controls.push(app, component)

    def platform_deployment(self, app: str, kind: str = "MAINTENANCE") -> Tree:
        """The platform deploys an app by itself: for MAINTENANCE, UPDATE_DATABASE_TRUSTED_SOURCES or AUTOSCALED.

        Returns:
            ``{"deployment_id": …}``, "" where the app is pinned.

        Raises:
            ValueError: there is no such app or kind.
        """
        return self._controls.platform_deployment(app, kind)

    def autoscale(self, app: str, component: str, to: int, metric: str = "cpu") -> Tree:
        """An autoscaling event: ``{"event_id": …}``.

        Raises:
            ValueError: there is no such app or component, or it does not scale.
        """
        return self._controls.autoscale(app, component, to, metric)

    def set_health(self, app: str, component: str, state: str) -> None:
        """Make a component HEALTHY, UNHEALTHY or UNKNOWN until the next deployment; "" takes it back.

        Raises:
            ValueError: there is no such app, component or state.
        """
        self._controls.set_health(app, component, state)

    def run_job(self, app: str, job: str, result: str = "SUCCEEDED") -> Tree:
        """A job runs as its schedule says: ``{"job_invocation_id": …}``.

        Raises:
            ValueError: there is no such app or job.
        """
        return self._controls.run_job(app, job, result)

    def advance(self, seconds: float) -> None:
        """Put the sandbox's clock forward, for every process that shares the file."""
        self._controls.advance(seconds)

    def finish(self, app: str) -> None:
        """Let everything that lies ahead of an app's deployments happen now; those that hang go on.

        Raises:
            ValueError: there is no such app.
        """
        self._controls.finish(app)

    def overview(self, limit: int = 1000) -> list[SeenApp]:
        """The apps at a glance, each with its last deployments; at most ``limit``."""
        return self._public.overview(limit)

    def state(self) -> Tree:
        """Everything there is, for looking at: apps, deployments, faults, settings without tokens."""
        return self._controls.state()

    def reset(self) -> None:
        """Forget every app and every fault; the settings stay."""
        self._controls.reset()

    def close(self) -> None:
        """Close the database."""
        self._store.close()
