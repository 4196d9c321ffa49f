"""A sandbox on virtual time with a client: each call runs to completion, `wait` lets time pass."""

from __future__ import annotations

from typing import Any

import httpx

from reconciler.sandbox import Sandbox, Settings, Speed
from tests.support.virtual_time import VirtualClock

Tree = dict[str, Any]
LONG = 1000.0  # longer than any deployment takes


class Lab:
    def __init__(self, settings: Settings | None = None, path: Any = None, **kwargs: Any) -> None:
        self.clock = VirtualClock()
        self.sandbox = Sandbox(
            path,
            self.clock.timestamp,
            settings or Settings(speed=Speed.realistic(), seed=1),
            sleep=self.clock.sleep,
            **kwargs,
        )

    def close(self) -> None:
        self.sandbox.close()
        self.clock.close()

    def call(self, method: str, path: str, token: str | None = "t", **kwargs: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            headers = {**({"authorization": f"Bearer {token}"} if token else {}), **kwargs.pop("headers", {})}
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=self.sandbox.asgi), base_url="http://sandbox"
            ) as client:
                return await client.request(method, path, headers=headers, **kwargs)

        return self.clock.run(ask())

    def get(self, path: str, **kwargs: Any) -> Tree:
        return self._good(self.call("GET", path, **kwargs))

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Tree:
        return self._good(self.call("POST", path, json=body, **kwargs))

    def _good(self, answer: httpx.Response) -> Tree:
        assert answer.status_code == 200, answer.text
        found: Tree = answer.json() if answer.content else {}
        return found

    def refused(self, method: str, path: str, status: int, body: Any = None, **kwargs: Any) -> Tree:
        answer = self.call(method, path, json=body, **kwargs)
        assert answer.status_code == status, answer.text
        found: Tree = answer.json()
        assert set(found) == {"id", "message", "request_id"}
        return found

    def wait(self, seconds: float = LONG) -> None:
        self.clock.run(self.clock.sleep(seconds))

    def create(self, spec: Tree | None = None, *, settled: bool = True) -> Tree:
        app: Tree = self.post("/v2/apps", {"spec": spec or web()})["app"]
        if settled:
            self.wait()
            app = self.app(app["id"])
        return app

    def update(self, app: Tree, spec: Tree, *, settled: bool = True, **more: Any) -> Tree:
        answer = self.call("PUT", f"/v2/apps/{app['id']}", json={"spec": spec, **more})
        updated: Tree = self._good(answer)["app"]
        if settled:
            self.wait()
        return updated

    def app(self, app_id: str) -> Tree:
        found: Tree = self.get(f"/v2/apps/{app_id}")["app"]
        return found

    def deployment(self, app_id: str, deployment_id: str) -> Tree:
        found: Tree = self.get(f"/v2/apps/{app_id}/deployments/{deployment_id}")["deployment"]
        return found

    def health(self, app_id: str) -> dict[str, str]:
        found = self.get(f"/v2/apps/{app_id}/health")["app_health"]["components"]
        return {item["name"]: item["state"] for item in found}

    def live(self, app: Tree) -> int:
        return self.call("GET", app["live_url"], token=None).status_code


def web(name: str = "web", tag: str = "1", **more: Any) -> Tree:
    """An app of one service that runs an image."""
    image = {"registry_type": "DOCKER_HUB", "registry": "acme", "repository": "api", "tag": tag}
    return {"name": name, "region": "ams", "services": [{"name": "api", "image": image}], **more}


def built(name: str = "web", **more: Any) -> Tree:
    """An app of one service that is built from source."""
    source = {"repo": "acme/api", "branch": "main", "deploy_on_push": True}
    return {"name": name, "region": "ams", "services": [{"name": "api", "github": source}], **more}
