"""The vendor's own clients as sequences of requests, with what each reads of the answers.

Written after their public sources: doctl (commands/apps.go, do/pagination.go), terraform-provider-digitalocean
(app/resource_app.go), app_action (deploy/main.go, utils/apps.go), all upon godo. What Go's decoder would choke on is
an error here as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx

from tests.sandbox.lab import Tree
from tests.sandbox.serving import Served

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_IDS = ("id", "deployment_id", "previous_deployment_id", "cloned_from", "owner_uuid", "uuid", "project_id")


class GoError(Exception):
    """What a client ends with."""


class Godo:
    """The Go client that the others are built on."""

    agent = "godo/1.160.0"

    def __init__(self, served: Served) -> None:
        self.served = served
        headers = {"authorization": "Bearer dop_v1_token", "accept": "application/json", "user-agent": self.agent}
        self.http = httpx.Client(base_url=served.url, headers=headers)
        self.asked: list[str] = []

    def ask(self, method: str, path: str, body: Any = None) -> Tree:
        self.asked.append(f"{method} {path}")
        answer = self.http.request(method, path, json=body)
        for name in ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"):
            assert answer.headers[name].isdigit()
        assert answer.headers["content-type"].startswith("application/json")
        found: Tree = answer.json()
        if not 200 <= answer.status_code <= 299:
            assert set(found) == {"id", "message", "request_id"}
            raise GoError(f"{method} {path}: {answer.status_code} {found['message']}")
        decodes(found)
        return found

    def read(self, url: str) -> str:
        """The content of a URL that the API returned; no token is sent there."""
        answer = httpx.get(url)
        assert answer.status_code == 200
        return answer.text

    def deployment(self, app_id: str, deployment_id: str) -> Tree:
        found: Tree = self.ask("GET", f"/v2/apps/{app_id}/deployments/{deployment_id}")["deployment"]
        return found

    def app(self, app_id: str) -> Tree:
        found: Tree = self.ask("GET", f"/v2/apps/{app_id}")["app"]
        return found


def decodes(value: Any, name: str = "") -> None:
    """Go's decoder takes times, identifiers, counts and flags in one form only; nulls hide what is missing."""
    if isinstance(value, dict):
        for key, item in value.items():
            decodes(item, key)
    elif isinstance(value, list):
        for item in value:
            decodes(item, name)
    else:
        assert value is not None, name
        if name.endswith("_at"):
            assert _RFC3339.fullmatch(value), (name, value)
        elif name in _IDS:
            UUID(value)
        elif name.endswith("_steps") or name in ("instance_count", "http_port", "total"):
            assert type(value) is int, (name, value)
        elif name in ("live_url", "default_ingress", "first", "prev", "next", "last"):
            assert urlsplit(value).scheme == "http", (name, value)


class Doctl(Godo):
    """The command line client."""

    agent = "doctl/1.166.0"

    def apps(self) -> list[Tree]:
        """`apps list`: pages of 200, as many as ``links.pages.last`` says."""
        first = self.ask("GET", "/v2/apps?page=1&per_page=200")
        pages = first["links"].get("pages")
        last = int(parse_qs(urlsplit(pages["last"]).query)["page"][0]) if pages and pages.get("last") else 1
        found: list[Tree] = first["apps"]
        for number in range(2, last + 1):
            found += self.ask("GET", f"/v2/apps?page={number}&per_page=200")["apps"]
        return found

    def find(self, name: str) -> Tree:
        for app in self.apps():
            if app["spec"]["name"] == name:
                return app
        raise GoError(f"Cannot find app {name}")

    def create(self, spec: Tree, *, wait: bool = False, upsert: bool = False) -> Tree:
        """`apps create [--wait] [--upsert]`."""
        try:
            app = self.ask("POST", "/v2/apps", {"spec": spec})["app"]
        except GoError as error:
            if not upsert or " 409 " not in str(error):
                raise
            return self.update(self.find(spec["name"])["id"], spec, wait=wait)
        return self._waited(app, wait=wait)

    def update(self, app_id: str, spec: Tree, *, wait: bool = False) -> Tree:
        """`apps update [--wait]`."""
        body = {"spec": spec, "update_all_source_versions": False}
        return self._waited(self.ask("PUT", f"/v2/apps/{app_id}", body)["app"], wait=wait)

    def _waited(self, app: Tree, *, wait: bool) -> Tree:
        if wait:
            self.wait(app["id"], app["pending_deployment"]["id"])
            return self.app(app["id"])
        return app

    def wait(self, app_id: str, deployment_id: str) -> None:
        for _ in range(180):
            progress = self.deployment(app_id, deployment_id)["progress"]
            if progress.get("success_steps", 0) == progress["total_steps"]:
                return
            if progress.get("error_steps", 0) > 0:
                raise GoError(f"error deploying app ({app_id}) (deployment ID: {deployment_id})")
            self.served.sleep(10)
        raise GoError(f"timeout waiting to app ({app_id}) deployment")

    def logs(self, app_id: str, component: str = "", kind: str = "RUN") -> str:
        """`apps logs`: the component is a parameter of the query."""
        app = self.app(app_id)
        deployment = app.get("active_deployment") or app["in_progress_deployment"]
        path = f"/v2/apps/{app_id}/deployments/{deployment['id']}/logs?type={kind}&follow=false&tail_lines=-1"
        found = self.ask("GET", path + (f"&component_name={component}" if component else ""))
        assert not found.get("live_url")
        return self.read(found["historic_urls"][0])

    def validate(self, spec: Tree) -> Tree:
        """`apps spec validate`."""
        found: Tree = self.ask("POST", "/v2/apps/propose", {"spec": spec})["spec"]
        return found


class Terraform(Godo):
    """The Terraform provider's resource `digitalocean_app`."""

    agent = "HashiCorp Terraform/1.9.0 terraform-provider-digitalocean/2.99.0"

    def create(self, spec: Tree, emails: list[str] | None = None) -> Tree:
        app = self.ask("POST", "/v2/apps", {"spec": spec})["app"]
        return self._settled(app, emails)

    def update(self, app_id: str, spec: Tree, emails: list[str] | None = None) -> Tree:
        app = self.ask("PUT", f"/v2/apps/{app_id}", {"spec": spec, "update_all_source_versions": False})["app"]
        return self._settled(app, emails)

    def _settled(self, app: Tree, emails: list[str] | None) -> Tree:
        self._wait(app["id"], app["pending_deployment"]["id"])
        alerts = self.ask("GET", f"/v2/apps/{app['id']}/alerts")["alerts"]
        for alert in alerts if emails else []:
            destinations = {"emails": emails, "slack_webhooks": None}
            self.ask("POST", f"/v2/apps/{app['id']}/alerts/{alert['id']}/destinations", destinations)
        return self.app(app["id"])

    def _wait(self, app_id: str, deployment_id: str) -> None:
        for _ in range(180):
            self.served.sleep(10)
            progress = self.deployment(app_id, deployment_id)["progress"]
            if all(step["status"] == "SUCCESS" for step in progress["steps"]):
                return
            if progress.get("error_steps", 0) > 0:
                raise GoError(f"error deploying app ({app_id}) (deployment ID: {deployment_id})")
        raise GoError(f"timeout waiting for app ({app_id}) deployment")

    def read_state(self, app_id: str) -> Tree | None:
        """Refresh: an app that is not there is removed from the state."""
        try:
            return self.app(app_id)
        except GoError as error:
            if " 404 " in str(error):
                return None
            raise

    def delete(self, app_id: str) -> None:
        self.ask("DELETE", f"/v2/apps/{app_id}")


class Action(Godo):
    """The deploy action."""

    def find(self, name: str) -> Tree | None:
        for page in self._pages():
            for app in page["apps"]:
                if app["spec"]["name"] == name:
                    found: Tree = app
                    return found
        return None

    def _pages(self) -> Iterator[Tree]:
        path = "/v2/apps"
        while True:
            page = self.ask("GET", path)
            yield page
            pages = page["links"].get("pages")
            if not pages or not pages.get("next"):
                return
            before = int(parse_qs(urlsplit(pages["prev"]).query)["page"][0]) if pages.get("prev") else 0
            path = f"/v2/apps?page={before + 2}"

    def deploy(self, spec: Tree) -> tuple[Tree, dict[str, str]]:
        """The app, live, and the logs of its build and deployment."""
        app = self.find(spec["name"])
        if app is None:
            app = self.ask("POST", "/v2/apps", {"spec": spec})["app"]
        else:
            body = {"spec": spec, "update_all_source_versions": True}
            app = self.ask("PUT", f"/v2/apps/{app['id']}", body)["app"]
        made = self.ask("GET", f"/v2/apps/{app['id']}/deployments?per_page=1")["deployments"][0]["id"]
        assert made == app["pending_deployment"]["id"]
        phase = self._phase(app["id"], made)
        logs = {kind: self._log(app["id"], made, kind) for kind in ("BUILD", "DEPLOY")}
        if phase != "ACTIVE":
            raise GoError(f"deployment failed: {phase}", logs)
        for _ in range(100):
            app = self.app(app["id"])
            if app.get("live_url"):
                return app, logs
            self.served.sleep(2)
        raise GoError("no live URL")

    def _phase(self, app_id: str, deployment_id: str) -> str:
        for _ in range(1000):
            phase = str(self.deployment(app_id, deployment_id)["phase"])
            if phase in ("ACTIVE", "ERROR", "CANCELED", "SUPERSEDED"):
                return phase
            self.served.sleep(2)
        raise GoError("the deployment does not end")

    def _log(self, app_id: str, deployment_id: str, kind: str) -> str:
        path = f"/v2/apps/{app_id}/deployments/{deployment_id}/logs?type={kind}&follow=true&tail_lines=-1"
        try:
            found = self.ask("GET", path)
        except GoError as error:
            if " 400 " in str(error):
                return ""
            raise
        return "".join(self.read(url) for url in found["historic_urls"])
