"""What the contract check finds on the sandbox: an app with everything, and what brings operations to success."""

from __future__ import annotations

from typing import Any

import httpx

from reconciler.sandbox.http.control import HEADER

Tree = dict[str, Any]
IMAGE = {"registry_type": "DOCKER_HUB", "registry": "acme", "repository": "api", "tag": "1"}
SOURCE = {"repo": "acme/www", "branch": "main", "deploy_on_push": True}
ALERT = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "FIVE_MINUTES"}


def full_spec() -> Tree:
    """A spec that uses everything that is answered somewhere."""
    logtail = [{"name": "tail", "logtail": {"token": "secret"}}]
    service = {"name": "api", "image": IMAGE, "alerts": [ALERT], "log_destinations": logtail}
    return {
        "name": "full",
        "region": "ams",
        "services": [
            {**service, "instance_size_slug": "apps-s-1vcpu-1gb", "health_check": {"http_path": "/"}},
            {
                "name": "wide",
                "image": IMAGE,
                "instance_size_slug": "apps-d-1vcpu-1gb",
                "autoscaling": {"min_instance_count": 1, "max_instance_count": 4, "metrics": {"cpu": {"percent": 70}}},
            },
        ],
        "static_sites": [{"name": "www", "github": SOURCE, "envs": [{"key": "K", "value": "v", "type": "SECRET"}]}],
        "workers": [{"name": "bg", "image": IMAGE}],
        "jobs": [
            {"name": "tidy", "kind": "SCHEDULED", "schedule": {"cron": "*/5 * * * *"}, "image": IMAGE},
            {"name": "migrate", "kind": "PRE_DEPLOY", "image": IMAGE},
            {"name": "rescue", "kind": "FAILED_DEPLOY", "image": IMAGE},
        ],
        "databases": [{"name": "db", "engine": "PG"}],
        "domains": [{"domain": "www.example.com", "type": "PRIMARY", "minimum_tls_version": "1.3"}],
        "envs": [{"key": "GLOBAL", "value": "1"}],
        "alerts": [{"rule": "DEPLOYMENT_FAILED"}],
        "egress": {"type": "DEDICATED_IP"},
        "ingress": {
            "rules": [
                {"match": {"path": {"prefix": "/api"}}, "component": {"name": "api", "preserve_path_prefix": True}},
                {"match": {"path": {"prefix": "/"}}, "component": {"name": "www"}},
                {"match": {"path": {"prefix": "/old"}}, "redirect": {"uri": "/new", "redirect_code": 301}},
            ]
        },
    }


class World:
    """A served sandbox with content, and the ids of what is there."""

    def __init__(self, url: str, token: str) -> None:
        self.client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30)
        self.ids: dict[str, str] = {}

    def api(self, method: str, path: str, body: Any = None) -> Tree:
        """An answer of the API, which must be a success."""
        answer = self.client.request(method, f"/v2/apps{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def control(self, name: str, body: Tree | None = None) -> Tree:
        """A control of the sandbox."""
        answer = self.client.post(f"/_sandbox/{name}", json=body or {}, headers={HEADER: "1"})
        answer.raise_for_status()
        found: Tree = answer.json()
        return found

    def build(self) -> None:
        """Begin afresh: the app with everything, three deployments old, the last of which failed."""
        self.control("reset")
        app = self.api("POST", "", {"spec": full_spec()})["app"]
        self.ids = {"app_id": app["id"], "id": app["id"], "component_name": "api", "job_name": "tidy"}
        self.ids |= {"slug": "apps-s-1vcpu-1gb", "deployment_id": app["pending_deployment"]["id"]}
        self.api("PUT", f"/{app['id']}", {"spec": full_spec()})
        self.control("faults", {"kind": "deploy", "app": "full"})
        self.api("POST", f"/{app['id']}/deployments", {})
        self.ids["alert_id"] = self.api("GET", f"/{app['id']}/alerts")["alerts"][0]["id"]
        self._autoscale()
        self._invoke()
        self.control("advance", {"seconds": 3600})
        self.ids["known_deployment"] = self.ids["deployment_id"]

    def _autoscale(self) -> None:
        found = self.control("autoscale", {"app": "full", "component": "wide", "to": 3})
        self.ids["event_id"] = found["event_id"]

    def _invoke(self) -> None:
        found = self.control("jobs", {"app": "full", "job": "tidy"})
        self.ids["job_invocation_id"] = found["job_invocation_id"]

    def prepare(self, operation: str) -> None:
        """Bring the sandbox to where an operation can succeed; only a few need more than what `build` made."""
        if "rollback" in operation:
            self.build()  # how far back one may go depends on all that happened to the app
        self._restore()
        path = f"/{self.ids['app_id']}"
        match operation:
            case "apps_cancel_deployment":
                self.control("faults", {"kind": "hang", "app": "full", "phase": "BUILDING"})
                made = self.api("POST", f"{path}/deployments", {})["deployment"]
                self.ids["deployment_id"] = made["id"]
            case "apps_commit_rollback" | "apps_revert_rollback":
                self.api("POST", f"{path}/rollback", {"deployment_id": self.ids["known_deployment"]})
                self.control("advance", {"app": "full"})
            case "apps_get_exec":
                self.ids["deployment_id"] = self.api("GET", path)["app"]["active_deployment"]["id"]
            case "apps_cancel_event":
                self.control("settings", {"speed": {"autoscale": 1000}})
                self._autoscale()
            case "apps_cancel_job_invocation":
                self.control("settings", {"speed": {"job": 1000}})
                self._invoke()
            case _:
                pass

    def _restore(self) -> None:
        """Undo what the requests before did to the app: it is there, under its name, and free."""
        answer = self.client.get(f"/v2/apps/{self.ids['app_id']}")
        if answer.status_code == 404 or answer.json()["app"]["spec"]["name"] != "full":
            self.build()
        elif "pinned_deployment" in answer.json()["app"]:
            self.api("POST", f"/{self.ids['app_id']}/rollback/revert")
        self.ids["deployment_id"] = self.ids["known_deployment"]
