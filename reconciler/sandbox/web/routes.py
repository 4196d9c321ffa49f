"""What the sandbox serves besides the API: the apps themselves, their logs and consoles, the status page.

None of it needs a token; the URLs of logs and consoles, which the API returns, carry a ticket.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from reconciler.appspec.kinds import components
from reconciler.sandbox.http.control import is_local_name
from reconciler.sandbox.http.request import ticket
from reconciler.sandbox.simulation.running import log_complete, log_text, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from reconciler.sandbox.http.gateway import Gateway
    from reconciler.sandbox.web.view import Page

_POLL = 0.2
"""Seconds between two looks at a log that is followed."""

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Web:
    """The handlers for people and probes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._simulation = gateway.simulation

    def routes(self) -> list[BaseRoute]:
        """The routes, for the sandbox's router."""
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/_page", self.changes, methods=["GET"]),
            Route("/_live/{app_id}", self.live, methods=_METHODS),
            Route("/_live/{app_id}/{path:path}", self.live, methods=_METHODS),
            Route("/_logs/{place:path}", self.log),
            WebSocketRoute("/_logs/{place:path}", self.follow),
            WebSocketRoute("/_exec/{place:path}", self.console),
        ]

    async def page(self, request: Request) -> Response:
        """The page of the apps; ``?page=`` for further ones, ``open=`` for the deployments of some, by id."""
        from reconciler.sandbox.web import page

        shown, known = self._view(request)
        try:
            text = page.page(shown, **known)
        except ModuleNotFoundError as error:
            return PlainTextResponse(f"The page needs {error.name}: pip install '.[sandbox]'\n", 501)
        return HTMLResponse(text, headers=page.headers())

    async def changes(self, request: Request) -> Response:
        """The part of the page that changes; 304 if it is what the request's ``if-none-match`` names."""
        from reconciler.sandbox.web import page

        shown, known = self._view(request)
        headers = page.headers() | {"x-sandbox-now": known.pop("now")}
        text = page.fragment(shown, **known)
        headers["etag"] = f'"{sha256(text.encode()).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(text, headers=headers)

    def _view(self, request: Request) -> tuple[Page, dict[str, Any]]:
        """What the page shows, and what the request says about it."""
        from reconciler.sandbox.web.view import Choice, page_view, said

        query = request.query_params
        asked = query.get("page", "1")
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
        opened, closed = (frozenset(query.get(name, "").split(",")) for name in ("open", "closed"))
        with self._simulation.reading() as platform:
            shown, now = page_view(platform, Choice(number, opened, closed)), said(platform.now)
        controls = is_local_name(request.headers.get("host", ""))
        return shown, {"now": now, "base_url": self._gateway.base_url(request), "controls": controls}

    async def live(self, request: Request) -> PlainTextResponse:
        """The app itself: 200 while it is healthy, 503 while it is not, 404 while nothing is active."""
        with self._simulation.reading() as platform:
            app = platform.tx.app(request.path_params["app_id"])
            if app is None:
                return PlainTextResponse("Your request could not be routed.\n", 404)
            active = platform.tx.deployment(app.active)
            status, text = visit(app, active, platform.now)
        headers = {"x-sandbox-deployment": active.id} if active else {}
        return PlainTextResponse(text, status, headers)

    def _log(self, place: str, token: str) -> tuple[str, bool] | None:
        """The log at a path (app / deployment, event or invocation / component / type), and whether it is complete.

        None if there is none.
        """
        app_id, what, component, kind = (place.split("/") + [""] * 4)[:4]
        with self._simulation.reading() as platform:
            app = platform.tx.app(app_id)
            if app is None or not hmac.compare_digest(token.encode(), ticket(platform.key, place).encode()):
                return None
            if kind == "AUTOSCALE_EVENT":
                return "autoscaling event\n", True
            if kind == "JOB_INVOCATION":
                return f"{component} job invocation {what}\n", True
            deployment = platform.tx.deployment(what)
            if deployment is None:
                return None
            text = log_text(app, deployment, "" if component == "-" else component, kind, platform.now)
            return text, log_complete(deployment, kind)

    async def log(self, request: Request) -> PlainTextResponse:
        """A log as text, or its last ``tail_lines``; at ``…/live`` what exists so far."""
        place = request.path_params["place"].removesuffix("/live")
        found = self._log(place, request.query_params.get("token", ""))
        if found is None:
            return PlainTextResponse("not found\n", 404)
        return PlainTextResponse("".join(_tail(found[0], request.query_params)))

    async def follow(self, socket: WebSocket) -> None:
        """A log as the vendor's CLI follows it: messages ``{"data": text}`` as lines are emitted.

        The connection ends when the log is complete, or when the client goes away.
        """
        place, token = socket.path_params["place"].removesuffix("/live"), socket.query_params.get("token", "")
        await socket.accept()
        gone = asyncio.create_task(socket.receive())
        sent: set[str] = set()
        while (found := self._log(place, token)) is not None:
            text, complete = found
            for line in text.splitlines(keepends=True) if sent else _tail(text, socket.query_params):
                if line not in sent:
                    await socket.send_json({"data": line})
            sent.update(text.splitlines(keepends=True))
            if complete or (await asyncio.wait({gone}, timeout=_POLL))[0]:
                break
        if not gone.done():
            gone.cancel()
            await socket.close()

    async def console(self, socket: WebSocket) -> None:
        """A console in the protocol of the vendor's CLI: ``{"op": "stdin", "data": keys}`` in, ``{"data": text}`` out.

        It shows a prompt and echoes the input, until a line is ``exit``.
        """
        place = socket.path_params["place"]
        await socket.accept()
        app_id, _, component = place.partition("/")
        with self._simulation.reading() as platform:
            app, expected = platform.tx.app(app_id), ticket(platform.key, "exec", place)
        known = app is not None and component in {item["name"] for _, item in components(app.spec)}
        token = socket.query_params.get("token", "")
        if known and hmac.compare_digest(token.encode(), expected.encode()):
            await _converse(socket, f"{component}$ ")
        await socket.close()


def _tail(text: str, query: Mapping[str, str]) -> list[str]:
    """The lines of a log, or as many of the last ones as ``tail_lines`` of the query says."""
    lines, wanted = text.splitlines(keepends=True), query.get("tail_lines", "")
    return lines[-int(wanted) :] if wanted.isascii() and wanted.isdigit() and int(wanted) else lines


async def _converse(socket: WebSocket, prompt: str) -> None:
    """Echo the input with a prompt after every line, until one is ``exit``."""
    await socket.send_json({"op": "stdout", "data": prompt})
    line = ""
    async for message in socket.iter_text():
        typed = _typed(message)
        ends = typed.endswith(("\r", "\n"))
        line += typed
        echo = typed.rstrip("\r\n") + ("\r\n" + prompt if ends else "")
        await socket.send_json({"op": "stdout", "data": echo})
        if line.strip() == "exit":
            return
        line = "" if ends else line


def _typed(message: str) -> str:
    """The input in a message: the CLI's ``stdin`` or plain text; "" for its other messages."""
    try:
        parsed = json.loads(message)
    except ValueError:
        return message
    if not isinstance(parsed, dict):
        return message
    data = parsed.get("data")
    return data if parsed.get("op") == "stdin" and isinstance(data, str) else ""
