"""The operations of the fake platform: (method, path, query, headers, body) in, (status, headers, body) out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.second_platform.mischief import Edit, Mischief, Trouble, error_body
from tests.second_platform.model import App, Deployment, at
from tests.second_platform.rendering import HOST, app_json, deployment_json, live_url
from tests.second_platform.specs import Refusal, check
from tests.second_platform.state import Invalid, Pinned, Platform

Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]

API_HOST = "api.platform.example"
LOG_HOST = "logs.platform.example"

_A = r"/v2/apps/(?P<app>[^/]+)"
_D = _A + r"/deployments/(?P<deployment>[^/]+)"

OPERATIONS: tuple[tuple[str, str, str], ...] = (
    ("GET", r"/v2/apps", "apps"),
    ("POST", r"/v2/apps", "create"),
    ("POST", r"/v2/apps/propose", "propose"),
    ("GET", r"/v2/apps/regions", "regions"),
    ("GET", r"/v2/apps/tiers/instance_sizes", "sizes"),
    ("GET", _A, "app"),
    ("PUT", _A, "update"),
    ("DELETE", _A, "delete"),
    ("GET", _A + r"/deployments", "deployments"),
    ("POST", _A + r"/deployments", "redeploy"),
    ("GET", _D, "deployment"),
    ("POST", _D + r"/cancel", "cancel"),
    ("GET", _D + r"(/components/(?P<component>[^/]+))?/logs", "logs"),
    ("GET", _A + r"(/components/(?P<component>[^/]+))?/logs", "logs"),
    ("GET", _A + r"/health", "health"),
    ("POST", _A + r"/rollback", "rollback"),
    ("POST", _A + r"/rollback/validate", "validate"),
    ("POST", _A + r"/rollback/commit", "commit"),
    ("POST", _A + r"/rollback/revert", "revert"),
)
"""Method, path, and the name that troubles, edits and events use; ``probe`` and ``log`` are requests to other hosts."""

WRITES = ("create", "update", "redeploy", "delete", "cancel", "rollback", "commit", "revert")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Problem(Exception):
    """An error status and its message."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Request:
    """A request that came, for whoever counts them. ``at``: seconds since 1970."""

    at: float
    operation: str
    body: str = ""


@dataclass(frozen=True)
class _Ask:
    """A request taken apart."""

    query: Mapping[str, str]
    body: dict[str, Any]
    host: str
    names: Mapping[str, str]


class Service:
    """The platform as a service: its state, its answers, and what goes wrong with them."""

    def __init__(
        self, platform: Platform, troubles: tuple[Trouble, ...] = (), edits: tuple[Edit, ...] = (), *, token: str = ""
    ) -> None:
        self.platform = platform
        self.mischief = Mischief(platform, troubles, edits)
        self.token = token
        self.requests: list[Request] = []
        self.leaks: list[str] = []

    # ---- the API

    def handle(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Answer one request to the API.

        Raises:
            Dropped, Hanging: there is no answer.
        """
        platform = self.platform
        platform.advance()
        operation, names = _operation(method, path)
        self.requests.append(Request(platform.time, operation, body.decode(errors="replace")))
        if self.token and self.token in self.requests[-1].body:
            self.leaks.append(f"the token is in the body of {operation}")
        platform.emit(f"before {operation}")
        platform.advance()
        trouble = self.mischief.trouble(operation)
        if trouble is not None and not trouble.effect and trouble.status != 200:
            return self.mischief.answer(trouble)
        ask = _Ask(query, _json(body), headers.get("host", API_HOST), names)
        answer = self._answer(operation, ask, headers)
        if answer[0] < 400:
            platform.emit(f"after {operation}")
        if trouble is None:
            return answer
        if trouble.how == "json" and trouble.status == 200:
            return answer[0], {**answer[1], **trouble.headers}, answer[2]
        return self.mischief.answer(trouble)

    def _answer(self, operation: str, ask: _Ask, headers: Mapping[str, str]) -> Answer:
        known = {"content-type": "application/json", **self._budget()}
        try:
            if not headers.get("authorization", "").startswith("Bearer "):
                raise Problem(401)
            if operation == "unknown":
                raise Problem(404)
            found = getattr(self, f"_{operation}")(ask)
        except Problem as problem:
            return problem.status, known, error_body(problem.status, problem.message)
        except Refusal as refusal:
            return 400, known, error_body(400, str(refusal))
        except Pinned:
            return 400, known, error_body(400, "the app is pinned to a rollback: commit or revert it first")
        except Invalid as invalid:
            return 400, known, error_body(400, str(invalid.args[1]))
        if found is None:
            return 200, {**known, "content-length": "0"}, b""
        found = json.loads(json.dumps(found))
        self.mischief.edited(operation, found)
        return 200, known, json.dumps(found).encode()

    def _budget(self) -> dict[str, str]:
        used = len(self.requests)
        reset = str(int(self.platform.time + 3600))
        return {"ratelimit-limit": "5000", "ratelimit-remaining": str(5000 - used), "ratelimit-reset": reset}

    # ---- apps

    def _apps(self, ask: _Ask) -> Any:
        apps = sorted(self.platform.seen_late("apps").values(), key=lambda app: app.updated, reverse=True)
        switches = self.platform.setup.switches
        items = [app_json(app, switches, listed=True) for app in _ordered(apps, switches.order)]
        return _page("apps", items, ask, "/v2/apps")

    def _app(self, ask: _Ask) -> Any:
        return {"app": app_json(self._seen(ask, "app"), self.platform.setup.switches)}

    def _create(self, ask: _Ask) -> Any:
        spec = ask.body.get("spec")
        check(spec, None)
        if self.platform.named(spec["name"]):
            raise Problem(409, f"app name {spec['name']} is already in use")
        return {"app": app_json(self.platform.create(spec, "create"), self.platform.setup.switches)}

    def _update(self, ask: _Ask) -> Any:
        app = self._real(ask)
        self.platform.update(app, ask.body.get("spec"), "update")  # type: ignore[arg-type]  it is checked there
        return {"app": app_json(app, self.platform.setup.switches)}

    def _delete(self, ask: _Ask) -> Any:
        app = self._real(ask)
        self.platform.delete(app)
        return {"id": app.id}

    def _propose(self, ask: _Ask) -> Any:
        spec, app_id = ask.body.get("spec"), ask.body.get("app_id", "")
        app = self.platform.apps.get(app_id)
        if app_id and app is None:
            raise Problem(404)
        check(spec, app.ciphertexts if app else None)
        available = {} if app else {"app_name_available": self.platform.named(spec["name"]) is None}
        return {"spec": self.platform.proposed(spec, app), "app_cost": 12, "app_is_static": False, **available}

    def _regions(self, _ask: _Ask) -> Any:
        return {"regions": [{"slug": "fra", "label": "Frankfurt", "data_centers": ["fra1"]}]}

    def _sizes(self, _ask: _Ask) -> Any:
        return {"instance_sizes": [{"slug": "apps-s-1vcpu-1gb", "usd_per_month": "12.00"}]}

    # ---- deployments

    def _deployments(self, ask: _Ask) -> Any:
        app, switches = self._seen(ask, "deployments"), self.platform.setup.switches
        newest_first = list(reversed(app.deployments))
        items = [deployment_json(one, switches, listed=True) for one in _ordered(newest_first, switches.order)]
        return _page("deployments", items, ask, f"/v2/apps/{app.id}/deployments")

    def _deployment(self, ask: _Ask) -> Any:
        one = self._one(self._seen(ask, "deployment"), ask)
        return {"deployment": deployment_json(one, self.platform.setup.switches)}

    def _redeploy(self, ask: _Ask) -> Any:
        made = self.platform.redeploy(self._real(ask), "redeploy")
        return {"deployment": deployment_json(made, self.platform.setup.switches)}

    def _cancel(self, ask: _Ask) -> Any:
        one = self.platform.cancel(self._real(ask))
        return {"deployment": deployment_json(one, self.platform.setup.switches)} if one else {}

    def _logs(self, ask: _Ask) -> Any:
        app = self._real(ask)
        one = self._one(app, ask) if "deployment" in ask.names else app.active
        kind = ask.query.get("type", "")
        if one is None or not kind:
            raise Problem(400, "type is required")
        if kind.startswith("RUN") and one.phase != "ACTIVE":
            raise Problem(400, f"cannot get running logs from deployment {one.id} in phase final_cleanup")
        if kind == "DEPLOY" and not one.had("DEPLOYING"):
            raise Problem(400, f"deployment {one.id} has not been deployed")
        return {"historic_urls": [f"https://{LOG_HOST}/{one.id}/{kind}"]}

    def _health(self, ask: _Ask) -> Any:
        components = self.platform.health(self._real(ask))
        return {"app_health": {"components": components} if components else {}}

    # ---- rollbacks

    def _rollback(self, ask: _Ask) -> Any:
        skip = bool(ask.body.get("skip_pin"))
        made = self.platform.roll_back(self._real(ask), _target(ask), skip_pin=skip, origin="rollback")
        return {"deployment": deployment_json(made, self.platform.setup.switches)}

    def _validate(self, ask: _Ask) -> Any:
        code, message = self.platform.condition(self._real(ask), _target(ask))
        return {"valid": False, "error": {"code": code, "message": message}} if code else {"valid": True}

    def _commit(self, ask: _Ask) -> Any:
        self.platform.commit(self._real(ask))

    def _revert(self, ask: _Ask) -> Any:
        made = self.platform.revert(self._real(ask), "revert")
        return {"deployment": deployment_json(made, self.platform.setup.switches)}

    def _real(self, ask: _Ask) -> App:
        return _found(self.platform.apps, ask.names["app"])

    def _seen(self, ask: _Ask, operation: str) -> App:
        return _found(self.platform.seen_late(operation), ask.names["app"])

    def _one(self, app: App, ask: _Ask) -> Deployment:
        return _found({one.id: one for one in app.deployments}, ask.names["deployment"])

    # ---- the apps themselves, and logs

    def outside(self, method: str, host: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer a request to another host than the API's: an app's own address, or a log.

        Raises:
            ConnectionRefusedError: nothing listens there.
        """
        self.platform.advance()
        operation = "log" if host == LOG_HOST else "probe"
        self.requests.append(Request(self.platform.time, operation))
        if "authorization" in headers or (self.token and self.token in str(dict(headers))):
            self.leaks.append(f"the token was sent to {host}")
        if operation == "log":
            return 200, {"content-type": "text/plain"}, f"the last line of {path}\n".encode()
        app = next((app for app in self.platform.apps.values() if live_url(app) == f"https://{host}"), None)
        if app is None or app.active is None or app.active.active_since is None:
            if not host.endswith(HOST):
                raise ConnectionRefusedError(f"nothing listens at {host}")
            return 404, {"content-type": "text/plain"}, b"Your request could not be routed."
        running = self.platform.behaviour(app.active)
        status = at(running.answers, self.platform.time - app.active.active_since)
        if not status:
            raise ConnectionRefusedError(f"nothing listens at {host}")
        return status, {"content-type": "text/plain"}, b"" if method == "HEAD" else running.body.encode()


def _operation(method: str, path: str) -> tuple[str, dict[str, str]]:
    for verb, pattern, name in OPERATIONS:
        match = re.fullmatch(pattern, path) if verb == method else None
        if match and (name != "app" or match["app"] not in ("propose", "regions")):
            return name, {key: value for key, value in match.groupdict().items() if value}
    return "unknown", {}


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _target(ask: _Ask) -> str:
    return str(ask.body.get("deployment_id", ""))


def _found(things: Mapping[str, Any], name: str) -> Any:
    if not _UUID.fullmatch(name):
        raise Problem(400, "invalid uuid")
    if name not in things:
        raise Problem(404)
    return things[name]


def _ordered(newest_first: list[Any], order: str) -> list[Any]:
    """A list as the switch has it: the contract promises no order."""
    if order == "oldest":
        return newest_first[::-1]
    return newest_first[1::2] + newest_first[::2] if order == "shuffled" else newest_first


def _page(key: str, items: list[Any], ask: _Ask, path: str) -> dict[str, Any]:
    """A page of a list; a single page has no links."""
    number, size = int(ask.query.get("page", "1")), min(int(ask.query.get("per_page", "20")), 200)
    last = max(1, -(-len(items) // size))
    url = f"https://{ask.host}{path}?per_page={size}&page="
    links: dict[str, str] = {}
    if last > 1 and number < last:
        links |= {"next": f"{url}{number + 1}", "last": f"{url}{last}"}
    if last > 1 and number > 1:
        links |= {"first": f"{url}1", "prev": f"{url}{number - 1}"}
    shown = items[(number - 1) * size : number * size]
    return {key: shown, "links": {"pages": links}, "meta": {"total": len(items)}}
