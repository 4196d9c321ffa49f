"""The control API under ``/_sandbox/``: the methods of `Sandbox` for other processes. It needs no token.

A web page that is open in a browser on the same machine must neither reset a sandbox nor read its state. So each
request carries a header that no page can send to another origin without being allowed to, which nothing here ever
allows; a body is JSON by its content type; and the Host is one that no foreign name server can point at this machine.
"""

from __future__ import annotations

import inspect
import ipaddress
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


HEADER = "x-sandbox-control"
"""The header that every request of the control API must have, whatever its value."""


def control_route(controls: Mapping[str, Callable[[Tree], Any]]) -> Route:
    """The route ``/_sandbox/NAME``; handlers by method and name (``POST push``), each a function of the JSON body.

    The response is what the handler returns, ``{}`` for None; 400 with ``message`` when it raises ValueError, 403 or
    415 when the request might come from a web page.
    """

    async def serve(request: Request) -> Response:
        if not is_local_name(request.headers.get("host", "")) or HEADER not in request.headers:
            return _json({"message": f"needs the header {HEADER}, and a host that is an address or a local name"}, 403)
        served = controls.get(f"{request.method} {request.path_params['name']}")
        if served is None:
            return _json({"message": "no such control"}, 404)
        raw = await request.body()
        if raw and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _json({"message": "the body must be application/json"}, 415)
        try:
            body: Any = json.loads(raw) if raw.strip() else {}
            if not isinstance(body, dict):
                return _json({"message": "the body must be a JSON object"}, 400)
            return _json(served(body) or {})
        except (ValueError, RecursionError) as error:
            return _json({"message": str(error)}, 400)

    return Route("/_sandbox/{name}", serve, methods=["GET", "POST", "DELETE"])


def is_local_name(host: str) -> bool:
    """Whether a Host header names an address, ``localhost`` or a name without a dot, which no public zone can hold."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return bool(name) and ("." not in name or name.lower().endswith(".localhost"))
    return True


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
