"""From HTTP to operations and back: injected faults, tokens, rate limits, bodies, transactions, error envelopes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.responses import Response

from reconciler.sandbox.http.request import (
    Call,
    Limiter,
    Operation,
    bad_request,
    bearer,
    require_scope,
    require_uuid,
)
from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.render import placed
from reconciler.sandbox.simulation.running import user_of
from reconciler.sandbox.simulation.store import dumps

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    import yaml
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from reconciler.sandbox.simulation.faults import Fault
    from reconciler.sandbox.simulation.simulation import Platform, Simulation

_ERROR_IDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    422: "unprocessable_entity",
    429: "too_many_requests",
}
_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>\n"
_GATEWAY = {502: "502 Bad Gateway", 504: "504 Gateway Time-out", 524: "524 A timeout occurred"}


class ConnectionLost(ConnectionResetError):
    """A connection that broke because a fault asked for it.

    In process the ASGI app raises it, and ``httpx.ASGITransport`` passes it on to the caller; a served sandbox drops
    the TCP connection. ``took_effect``: whether the request had been carried out by then.
    """

    def __init__(self, *, took_effect: bool) -> None:
        super().__init__("connection broken by a sandbox fault")
        self.took_effect = took_effect


class Gateway:
    """Serves the platform's operations.

    Args:
        simulation: the simulated platform.
        base_url: the base of links; None: the address that each request used.
        sleep: waits out injected latency; None: it is only reported in the header ``x-sandbox-latency``.
    """

    def __init__(
        self, simulation: Simulation, base_url: str | None, sleep: Callable[[float], Awaitable[None]] | None
    ) -> None:
        self.simulation = simulation
        self._base_url = base_url and base_url.rstrip("/")
        self._sleep = sleep
        self._limiter = Limiter()
        self._requests = 0

    def base_url(self, request: Request) -> str:
        """The address of the sandbox, without a trailing slash."""
        return self._base_url or str(request.base_url).rstrip("/")

    async def answer(self, operation: Operation, request: Request) -> Response:
        """Serve a request.

        Raises:
            ConnectionLost: a fault breaks the connection.
        """
        raw = await request.body()
        striking = self._faults(operation, request, raw)
        waits = sum(fault.seconds for fault in striking if fault.kind == "latency")
        if waits and self._sleep is not None:
            await self._sleep(waits)
        response = self._faulty(operation, request, raw, striking)
        if waits:
            response.headers["x-sandbox-latency"] = f"{waits:g}"
        return response

    def _faults(self, operation: Operation, request: Request, raw: bytes) -> list[Fault]:
        """The faults that apply to this request."""
        with self.simulation.store.read() as tx:
            if not faults.any_for_requests(tx):
                return []
        with self.simulation.store.write() as tx:
            app = tx.app(request.path_params.get("app_id") or request.path_params.get("id") or "")
            names = {app.id, app.name} if app else {_name_in(raw)}
            return faults.for_request(tx, operation.id, operation.method, names)

    def _faulty(self, operation: Operation, request: Request, raw: bytes, striking: list[Fault]) -> Response:
        kinds = {fault.kind for fault in striking}
        if "reset_before" in kinds:
            raise ConnectionLost(took_effect=False)
        for fault in striking:
            if fault.kind in ("rate_limit", "server_error", "gateway_timeout"):
                return self._broken(fault)
        response = self._plain(operation, request, raw)
        if "reset_after" in kinds:
            raise ConnectionLost(took_effect=True)
        if "truncated" in kinds:
            response.body = bytes(response.body)[: len(response.body) // 2]
            response.headers["content-length"] = str(len(response.body))
        return response

    def _broken(self, fault: Fault) -> Response:
        if fault.kind == "rate_limit":
            headers = {"retry-after": f"{fault.seconds:.0f}"} if fault.seconds else {}
            return self.refused(HTTPException(429, "API Rate limit exceeded.", headers))
        status = fault.status or (504 if fault.kind == "gateway_timeout" else 500)
        if fault.kind == "gateway_timeout" and self.simulation.settings().html_gateway_errors:
            title = _GATEWAY.get(status, f"{status} Error")
            return Response(_HTML.format(title), status, media_type="text/html")
        return self.refused(HTTPException(status, "Server was unable to give you a response."))

    def _plain(self, operation: Operation, request: Request, raw: bytes) -> Response:
        """Serve a request without faults."""
        headers: dict[str, str] = {}
        try:
            text = self._operate(operation, request, raw, headers)
        except HTTPException as refusal:
            return self.refused(refusal, headers)
        except RecursionError:
            return self.refused(bad_request("the body is nested too deeply"), headers)
        return Response(placed(text, self.base_url(request)).encode(), 200, headers, "application/json")

    def _operate(self, operation: Operation, request: Request, raw: bytes, headers: dict[str, str]) -> str:
        with self.simulation.store.read() as tx:
            platform = self.simulation.at(tx)
            token = bearer(request.headers.get("authorization"), platform.settings)
            headers |= self._limiter.admit(token, platform.now, platform.settings)
            body = _parsed(raw, request.headers.get("content-type", ""), operation)
            require_scope(token, operation, platform.settings, databases=_has_databases(operation, body))
            platform.user = user_of(token)
            for name, value in request.path_params.items():
                if name == "id" or name.endswith("_id"):
                    require_uuid(value)
            call = self._call(platform, request, body)
            if not operation.writes and not tx.anything_due(platform.now):
                return operation.serve(call)
        with self.simulation.changing(platform.user) as call.platform:
            return operation.serve(call)

    def _call(self, platform: Platform, request: Request, body: Any) -> Call:
        query: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            query.setdefault(name.removesuffix("[]"), []).append(value)
        return Call(platform, request.path_params, query, body, self.base_url(request), request.url.path)

    def refused(self, refusal: HTTPException, headers: Mapping[str, str] | None = None) -> Response:
        """An error in the platform's envelope."""
        self._requests += 1
        request_id = f"sandbox-{self._requests:08d}"
        error_id = _ERROR_IDS.get(refusal.status_code, "server_error")
        body = {"id": error_id, "message": refusal.detail, "request_id": request_id}
        return Response(
            dumps(body).encode(errors="replace"),
            refusal.status_code,
            {**(headers or {}), **(refusal.headers or {}), "x-request-id": request_id},
            "application/json",
        )


class PathServer:
    """An ASGI app for one path: picks the operation by the request's method."""

    def __init__(self, gateway: Gateway, operations: Mapping[str, Operation]) -> None:
        self._gateway = gateway
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.requests import Request

        request = Request(scope, receive)
        operation = self._operations.get(request.method)
        if operation is None:
            allowed = {"allow": ", ".join(sorted(self._operations))}
            response = self._gateway.refused(HTTPException(405, "Method not allowed."), allowed)
        else:
            response = await self._gateway.answer(operation, request)
        await response(scope, receive, send)


def _parsed(raw: bytes, content_type: str, operation: Operation) -> Any:
    """The body of a request as data; YAML only where the platform documents it.

    Raises:
        HTTPException: 400 if it cannot be parsed.
    """
    if not raw.strip() or operation.method in ("GET", "DELETE"):
        return None
    if "yaml" in content_type and operation.id == "apps_create":
        return _yaml(raw)

    def not_json(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        body = json.loads(raw, parse_constant=not_json)
        if b"\\u" in raw:
            dumps(body).encode()  # a lone surrogate cannot be encoded
    except (ValueError, RecursionError) as error:
        raise bad_request("the body is not valid JSON") from error
    return body


_MOST_YAML = 1_000_000
_MOST_DEPTH = 100
_MOST_NODES = 100_000
"""Bounds of a YAML body: its bytes, its depth, its nodes once aliases are expanded. They bound its time as well."""


def _yaml(raw: bytes) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if len(raw) > _MOST_YAML or _depth(yaml.parse(raw, loader)) > _MOST_DEPTH:
            raise bad_request("the body is too large, or nested too deeply")
        if _expanded(yaml.compose(raw, loader), {}) > _MOST_NODES:
            raise bad_request("the body is too large once its aliases are expanded")
        return json.loads(json.dumps(yaml.load(raw, loader), default=str))  # noqa: S506 - a safe loader either way
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise bad_request("the body is not valid YAML") from error


def _depth(events: Iterable[yaml.Event]) -> int:
    """How deeply collections are nested; not by recursion, which is what it is to protect."""
    import yaml

    now = deepest = 0
    for event in events:
        now += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, now)
    return deepest


def _expanded(node: yaml.Node | None, known: dict[int, int]) -> int:
    """The number of nodes below a node, with each alias expanded. ``known``: those found by the node's ``id``.

    Raises:
        ValueError: an alias within what it refers to.
    """
    if node is None or isinstance(node.value, str):
        return 1
    if id(node) in known:
        if not known[id(node)]:
            raise ValueError("an alias refers to itself")
        return known[id(node)]
    known[id(node)] = 0
    parts = [part for entry in node.value for part in (entry if isinstance(entry, tuple) else (entry,))]
    known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _name_in(raw: bytes) -> str:
    """The name of the app in a body, "" if there is none."""
    try:
        return str(json.loads(raw)["spec"]["name"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _has_databases(operation: Operation, body: Any) -> bool:
    """Whether a write refers to managed databases."""
    if not operation.writes or not isinstance(body, dict) or not isinstance(body.get("spec"), dict):
        return False
    databases = body["spec"].get("databases")
    return isinstance(databases, list) and any(
        isinstance(item, dict) and item.get("cluster_name") for item in databases
    )
