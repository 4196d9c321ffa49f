"""The control API under ``/_sandbox/``: the methods of `Sandbox` for other processes. It needs no token."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from reconciler.sandbox.simulation.store import Tree, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

_KINDS = {"str": (str, "a string"), "int": (int | float, "a number"), "float": (int | float, "a number")}
"""The types that an annotation accepts, and how a message names them."""


def control_route(controls: Mapping[str, Callable[[Tree], Any]]) -> Route:
    """The route ``/_sandbox/NAME``; handlers by method and name (``POST push``), each a function of the JSON body.

    The response is what the handler returns, ``{}`` for None; 400 with ``message`` when it raises ValueError.
    """

    async def serve(request: Request) -> Response:
        served = controls.get(f"{request.method} {request.path_params['name']}")
        if served is None:
            return _json({"message": "no such control"}, 404)
        raw = await request.body()
        try:
            body: Any = json.loads(raw) if raw.strip() else {}
            if not isinstance(body, dict):
                return _json({"message": "the body must be a JSON object"}, 400)
            return _json(served(body) or {})
        except ValueError as error:
            return _json({"message": str(error)}, 400)

    return Route("/_sandbox/{name}", serve, methods=["GET", "POST", "DELETE"])


def from_body(control: Callable[..., Any], **renamed: str) -> Callable[[Tree], Any]:
    """A handler that calls a method with its arguments from the body; ``renamed`` maps a parameter to its key there.

    The handler raises ValueError for an argument that is missing or of the wrong type.
    """
    parameters = inspect.signature(control).parameters.values()

    def called(body: Tree) -> Any:
        arguments = {}
        for parameter in parameters:
            kind, called = _KINDS[parameter.annotation]
            name = renamed.get(parameter.name, parameter.name)
            value = body.get(name, parameter.default)
            fits = isinstance(value, kind) and not isinstance(value, bool)
            if not fits:
                raise ValueError(f"{name} must be {called}")
            arguments[parameter.name] = int(value) if parameter.annotation == "int" else value
        return control(**arguments)

    return called


def _json(body: Tree, status: int = 200) -> Response:
    return Response(dumps(body).encode(errors="replace"), status, media_type="application/json")
