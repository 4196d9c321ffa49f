"""What the sandbox serves besides the API: the apps themselves, their logs and consoles, the status page.

None of it needs a token; the URLs of logs and consoles, which the API returns, carry a ticket.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from reconciler.sandbox.http.limits import ticket
from reconciler.sandbox.simulation.lifecycle import components
from reconciler.sandbox.simulation.running import log_text, visit
from reconciler.sandbox.web.page import HEADERS, PER_PAGE, page, summaries

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from reconciler.sandbox.http.gateway import Gateway

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
            Route("/_live/{app_id}", self.live, methods=_METHODS),
            Route("/_live/{app_id}/{path:path}", self.live, methods=_METHODS),
            Route("/_logs/{place:path}", self.log),
            WebSocketRoute("/_logs/{place:path}", self.follow),
            WebSocketRoute("/_exec/{place:path}", self.console),
        ]

    async def page(self, request: Request) -> HTMLResponse:
        """The status page; ``?page=`` for further apps."""
        asked = request.query_params.get("page", "1")
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
        with self._simulation.reading() as platform:
            total = platform.tx.sql("SELECT count(*) FROM apps")[0][0]
            number = max(1, min(number, -(-total // PER_PAGE)))
            text = page(
                summaries(platform, PER_PAGE, (number - 1) * PER_PAGE),
                total=total,
                number=number,
                waiting=platform.tx.sql("SELECT count(*) FROM faults")[0][0],
                now=platform.now,
                base_url=self._gateway.base_url(request),
            )
        return HTMLResponse(text.encode(errors="replace"), headers=HEADERS)

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

    def _text(self, place: str, token: str) -> str | None:
        """The log at a path (app / deployment, event or invocation / component / type); None if there is none."""
        app_id, what, component, kind = (place.split("/") + [""] * 4)[:4]
        with self._simulation.reading() as platform:
            app = platform.tx.app(app_id)
            if app is None or not hmac.compare_digest(token.encode(), ticket(platform.key, place).encode()):
                return None
            if kind == "AUTOSCALE_EVENT":
                return "autoscaling event\n"
            if kind == "JOB_INVOCATION":
                return f"{component} job invocation {what}\n"
            deployment = platform.tx.deployment(what)
            if deployment is None:
                return None
            return log_text(app, deployment, "" if component == "-" else component, kind, platform.now)

    async def log(self, request: Request) -> PlainTextResponse:
        """A log as text; at ``…/live`` what exists so far."""
        place = request.path_params["place"].removesuffix("/live")
        text = self._text(place, request.query_params.get("token", ""))
        return PlainTextResponse("not found\n", 404) if text is None else PlainTextResponse(text)

    async def follow(self, socket: WebSocket) -> None:
        """A log as the vendor's CLI follows it: messages ``{"data": text}``, then the end of the connection."""
        place = socket.path_params["place"].removesuffix("/live")
        text = self._text(place, socket.query_params.get("token", ""))
        await socket.accept()
        for line in (text or "").splitlines(keepends=True):
            await socket.send_json({"data": line})
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
