"""The control API: what `Sandbox`'s methods do, for other processes, under ``/_sandbox/``. It needs no token."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from reconciler.sandbox.http.refusal import Unfit
from reconciler.sandbox.settings import to_data
from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.faults import Fault
from reconciler.sandbox.simulation.store import dumps

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from reconciler.sandbox.control import Controls
    from reconciler.sandbox.simulation.store import Tree


class ControlServer:
    """``POST /_sandbox/NAME`` with the method's arguments as a JSON object; ``GET`` where there is something to see.

    | path       | GET                 | POST                                       | DELETE |
    | faults     | the waiting faults  | a `Fault`                                  | all    |
    | settings   | the settings        | settings to change                         |        |
    | state      | everything          |                                            |        |
    | push       |                     | app, component                             |        |
    | deploy     |                     | app, type                                  |        |
    | autoscale  |                     | app, component, to, metric                 |        |
    | health     |                     | app, component, state                      |        |
    | jobs       |                     | app, job, result                           |        |
    | advance    |                     | seconds (the clock), or app (to its end)   |        |
    | reset      |                     | nothing                                    |        |
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def routes(self) -> list[BaseRoute]:
        """The routes, for the sandbox's router."""
        return [Route("/_sandbox/{name}", self.serve, methods=["GET", "POST", "DELETE"])]

    async def serve(self, request: Request) -> Response:
        """Answer one control request; 400 with ``message`` for anything that does not fit."""
        served = getattr(self, f"_{request.method.lower()}_{request.path_params['name']}", None)
        if served is None:
            return _json({"message": "there is no such control"}, 404)
        return _attempt(served, await request.body())

    def _get_faults(self, _: Tree) -> Tree:
        with self._controls.gateway.store.read() as tx:
            return {"faults": faults.listed(tx)}

    def _post_faults(self, body: Tree) -> Tree:
        fault = Fault.from_data(body)
        with self._controls.gateway.store.write() as tx:
            return {"id": faults.add(tx, fault), **asdict(fault)}

    def _delete_faults(self, _: Tree) -> Tree:
        with self._controls.gateway.store.write() as tx:
            tx.sql("DELETE FROM faults")
        return {}

    def _get_settings(self, _: Tree) -> Tree:
        return _shown(to_data(self._controls.settings()))

    def _post_settings(self, body: Tree) -> Tree:
        return _shown(to_data(self._controls.configure(body)))

    def _get_state(self, _: Tree) -> Tree:
        return self._controls.state()

    def _post_push(self, body: Tree) -> Tree:
        return self._controls.push(_text(body, "app"), _text(body, "component", ""))

    def _post_deploy(self, body: Tree) -> Tree:
        return self._controls.platform_deployment(_text(body, "app"), _text(body, "type"))

    def _post_autoscale(self, body: Tree) -> Tree:
        to = _number(body, "to")
        return self._controls.autoscale(
            _text(body, "app"), _text(body, "component"), int(to), _text(body, "metric", "cpu")
        )

    def _post_health(self, body: Tree) -> Tree:
        self._controls.set_health(_text(body, "app"), _text(body, "component"), _text(body, "state"))
        return {}

    def _post_jobs(self, body: Tree) -> Tree:
        return self._controls.run_job(_text(body, "app"), _text(body, "job"), _text(body, "result", "SUCCEEDED"))

    def _post_advance(self, body: Tree) -> Tree:
        if "app" in body:
            self._controls.finish(_text(body, "app"))
        else:
            self._controls.advance(_number(body, "seconds"))
        return {}

    def _post_reset(self, _: Tree) -> Tree:
        self._controls.reset()
        return {}


def _attempt(served: Callable[[Tree], Tree], raw: bytes) -> Response:
    try:
        body: Any = json.loads(raw) if raw.strip() else {}
        if not isinstance(body, dict):
            return _json({"message": "the body must be a JSON object"}, 400)
        return _json(served(body))
    except ValueError as error:
        return _json({"message": str(error)}, 400)


def _json(body: Tree, status: int = 200) -> Response:
    return Response(dumps(body).encode(errors="replace"), status, media_type="application/json")


def _text(body: Tree, name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise Unfit(f"{name} must be a string")
    return value


def _number(body: Tree, name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(f"{name} must be a number")
    return float(value)


def _shown(settings: Tree) -> Tree:
    """Settings without tokens: nobody needs to read those."""
    return {key: value for key, value in settings.items() if key != "tokens"}
