"""A GitHub in a box: the few endpoints that the action calls, with GitHub's shapes, limits and refusals.

Facts: 100 entries a page with `Link` headers; bodies over 65,536 characters are 422; apps' tokens get 403 from
`GET /user`; secondary limits are 403 with `retry-after`; GraphQL answers 200 with `errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BODY_LIMIT = 65_536
MOST_A_PAGE = 100
MOST_ANNOTATIONS = 50
DESCRIPTION_LIMIT = 140


@dataclass
class Token:
    """Who a token is and what it may do."""

    login: str = "github-actions[bot]"
    is_app: bool = True
    comments: bool = True
    issues: bool = True
    graphql: bool = True
    deployments: bool = True
    pulls: bool = True
    checks: bool = True


@dataclass
class FakeGitHub:
    """State that tests read and write directly. `refusals` are answered before anything is done, in order."""

    repository: str = "acme/shop"
    tokens: dict[str, Token] = field(default_factory=lambda: {"gh-token": Token()})
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    commits: dict[str, list[int]] = field(default_factory=dict)
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    checks: dict[int, dict[str, Any]] = field(default_factory=dict)
    writers: set[str] = field(default_factory=lambda: {"ada"})
    minimized: set[str] = field(default_factory=set)
    refusals: list[tuple[str, str, Response]] = field(default_factory=list)
    before: Callable[[str, str], Awaitable[None]] | None = None
    log: list[tuple[str, str]] = field(default_factory=list)
    next_id: int = 1

    # What a test sets up

    def reset(self) -> None:
        """As it was when it was new; what it serves stays the same."""
        vars(self).update(vars(FakeGitHub()))

    def add_pull(self, number: int, sha: str, *, head: str = "acme:topic", base: str = "main", **more: Any) -> None:
        owner, _, branch = head.partition(":")
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "draft": False,
            "merged_at": None,
            "labels": [],
            "head": {"sha": sha, "ref": branch, "repo": {"full_name": f"{owner}/shop"}, "label": head},
            "base": {"ref": base, "repo": {"full_name": self.repository}},
        } | more
        self.next_id = max(self.next_id, number + 1)

    def label(self, number: int, *names: str) -> None:
        """The pull request has these labels and no others."""
        self.pulls[number]["labels"] = [{"id": 1, "name": name, "color": "ededed"} for name in names]

    def active(self) -> dict[str, str]:
        """The URLs of deployments that are active, by their environments; more than one in any is an error."""
        newest = {number: self.statuses[number][-1] for number in self.deployments if self.statuses[number]}
        found = [
            (self.deployments[number]["environment"], status["environment_url"])
            for number, status in newest.items()
            if status["state"] == "success"
        ]
        assert len(dict(found)) == len(found), found
        return dict(found)

    def merge(self, number: int, commit: str) -> None:
        self.pulls[number] |= {"state": "closed", "merged_at": "2026-03-01T12:00:00Z", "merge_commit_sha": commit}
        self.commits.setdefault(commit, []).append(number)

    def add_comment(self, pull: int, body: str, login: str = "somebody") -> int:
        number = self._id()
        self.comments[number] = {
            "id": number,
            "node_id": f"IC_{number}",
            "pull": pull,
            "body": body,
            "user": {"login": login},
            "html_url": f"https://github.example/{self.repository}/pull/{pull}#issuecomment-{number}",
        }
        return number

    def refuse(self, method: str, path: str, response: Response, times: int = 1) -> None:
        self.refusals += [(method, path, response)] * times

    def comments_by(self, login: str = "github-actions[bot]") -> list[dict[str, Any]]:
        return [comment for comment in self.comments.values() if comment["user"]["login"] == login]

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.log if method != "GET" and path != "/graphql"]

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(app=self.app())

    # What it serves

    def app(self) -> Starlette:
        base = "/repos/{owner}/{repo}"
        table: list[tuple[str, str, Any, str]] = [
            ("GET", "/user", self._user, ""),
            ("POST", "/graphql", self._graphql, ""),
            ("GET", base + "/issues", self._list_issues, ""),
            ("POST", base + "/issues", self._create_issue, "issues"),
            ("PATCH", base + "/issues/{number:int}", self._patch_issue, "issues"),
            ("GET", base + "/issues/{number:int}/comments", self._list_comments, ""),
            ("POST", base + "/issues/{number:int}/comments", self._create_comment, "comments"),
            ("PATCH", base + "/issues/comments/{id:int}", self._patch_comment, "comments"),
            ("DELETE", base + "/issues/comments/{id:int}", self._delete_comment, "comments"),
            ("POST", base + "/labels", self._create_label, "issues"),
            ("GET", base + "/pulls", self._list_pulls, ""),
            ("GET", base + "/pulls/{number:int}", self._get_pull, ""),
            ("GET", base + "/commits/{sha}/pulls", self._pulls_of_commit, ""),
            ("GET", base, self._get_repository, ""),
            ("GET", base + "/collaborators/{login}/permission", self._permission, ""),
            ("GET", base + "/deployments", self._list_deployments, "deployments"),
            ("POST", base + "/deployments", self._create_deployment, "deployments"),
            ("POST", base + "/check-runs", self._create_check, "checks"),
            ("PATCH", base + "/check-runs/{number:int}", self._patch_check, "checks"),
            ("GET", base + "/deployments/{number:int}/statuses", self._list_statuses, "deployments"),
            ("POST", base + "/deployments/{number:int}/statuses", self._create_status, "deployments"),
        ]
        return Starlette(
            routes=[Route(path, self._guarded(call, needs), methods=[method]) for method, path, call, needs in table]
        )

    def _guarded(self, call: Callable[[Request, Token], Awaitable[Response]], needs: str) -> Any:
        async def serve(request: Request) -> Response:
            method, path = request.method, request.url.path
            self.log.append((method, path))
            if self.before:
                await self.before(method, path)
            for index, (wanted, pattern, response) in enumerate(self.refusals):
                if wanted == method and re.fullmatch(pattern, path):
                    del self.refusals[index]
                    return response
            token = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
            if token is None:
                return _problem(401, "Bad credentials")
            if needs and not getattr(token, needs):
                return _problem(403, "Resource not accessible by integration")
            return await call(request, token)

        return serve

    def _id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    async def _user(self, request: Request, token: Token) -> Response:
        if token.is_app:
            return _problem(403, "Resource not accessible by integration")
        return JSONResponse({"login": token.login})

    async def _graphql(self, request: Request, token: Token) -> Response:
        if not token.graphql:
            return JSONResponse({"errors": [{"type": "FORBIDDEN", "message": "not accessible"}]})
        asked = json.loads(await request.body())
        if "viewer" in asked["query"]:
            return JSONResponse({"data": {"viewer": {"login": token.login}}})
        ids = asked["variables"]["ids"]
        assert len(ids) <= MOST_A_PAGE
        return JSONResponse({"data": {"nodes": [{"id": name, "isMinimized": name in self.minimized} for name in ids]}})

    async def _list_comments(self, request: Request, token: Token) -> Response:
        pull = request.path_params["number"]
        return self._page(request, [entry for entry in self.comments.values() if entry["pull"] == pull])

    async def _create_comment(self, request: Request, token: Token) -> Response:
        body = (await request.json())["body"]
        if len(body) > BODY_LIMIT:
            return _too_long()
        number = self.add_comment(request.path_params["number"], body, token.login)
        return JSONResponse(self.comments[number], status_code=201)

    async def _patch_comment(self, request: Request, token: Token) -> Response:
        comment = self.comments.get(request.path_params["id"])
        body = (await request.json())["body"]
        if comment is None:
            return _problem(404, "Not Found")
        if len(body) > BODY_LIMIT:
            return _too_long()
        comment["body"] = body
        return JSONResponse(comment)

    async def _delete_comment(self, request: Request, token: Token) -> Response:
        gone = self.comments.pop(request.path_params["id"], None)
        return Response(status_code=204) if gone else _problem(404, "Not Found")

    async def _list_issues(self, request: Request, token: Token) -> Response:
        wanted = request.query_params
        entries = [
            issue
            for issue in reversed(self.issues.values())
            if wanted.get("state", "open") in ("all", issue["state"])
            and ("labels" not in wanted or wanted["labels"] in [label["name"] for label in issue["labels"]])
            and ("creator" not in wanted or wanted["creator"] == issue["user"]["login"])
        ]
        return self._page(request, entries)

    async def _create_issue(self, request: Request, token: Token) -> Response:
        asked = await request.json()
        if len(asked["body"]) > BODY_LIMIT:
            return _too_long()
        number = self._id()
        self.issues[number] = {
            "number": number,
            "title": asked["title"],
            "body": asked["body"],
            "state": "open",
            "state_reason": None,
            "labels": [{"name": name} for name in asked.get("labels", [])],
            "user": {"login": token.login},
            "html_url": f"https://github.example/{self.repository}/issues/{number}",
        }
        return JSONResponse(self.issues[number], status_code=201)

    async def _patch_issue(self, request: Request, token: Token) -> Response:
        issue = self.issues.get(request.path_params["number"])
        if issue is None:
            return _problem(404, "Not Found")
        issue |= await request.json()
        return JSONResponse(issue)

    async def _create_label(self, request: Request, token: Token) -> Response:
        name = (await request.json())["name"]
        if name in self.labels:
            return _problem(422, "Validation Failed")
        self.labels.add(name)
        return JSONResponse({"name": name}, status_code=201)

    async def _get_repository(self, request: Request, token: Token) -> Response:
        asked = "{owner}/{repo}".format(**request.path_params)
        return JSONResponse({"full_name": self.repository}) if asked == self.repository else _problem(404, "Not Found")

    async def _permission(self, request: Request, token: Token) -> Response:
        login = request.path_params["login"]
        kind = "write" if login in self.writers else "read"
        return JSONResponse({"permission": kind, "role_name": kind, "user": {"login": login}})

    async def _list_deployments(self, request: Request, token: Token) -> Response:
        wanted = request.query_params
        names = [name for name in ("environment", "task", "sha") if name in wanted]
        entries = [
            one for one in reversed(self.deployments.values()) if all(one[name] == wanted[name] for name in names)
        ]
        return self._page(request, entries)

    async def _create_deployment(self, request: Request, token: Token) -> Response:
        asked = await request.json()
        number = self._id()
        self.deployments[number] = {
            "id": number,
            "sha": asked["ref"],
            "ref": asked["ref"],
            "task": asked.get("task", "deploy"),
            "environment": asked.get("environment", "production"),
            "description": asked.get("description", ""),
            "transient_environment": asked.get("transient_environment", False),
            "production_environment": asked.get("production_environment", False),
        }
        self.statuses[number] = []
        return JSONResponse(self.deployments[number], status_code=201)

    async def _list_statuses(self, request: Request, token: Token) -> Response:
        return self._page(request, self.statuses[request.path_params["number"]][::-1])

    async def _create_status(self, request: Request, token: Token) -> Response:
        asked = await request.json()
        states = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
        if asked["state"] not in states:
            return _problem(422, "Validation Failed")
        if len(asked.get("description", "")) > DESCRIPTION_LIMIT:
            return _problem(422, "Validation Failed")
        texts = {name: asked.get(name, "") for name in ("environment_url", "log_url", "description")}
        status = {"id": self._id(), "state": asked["state"], **texts}
        self.statuses[request.path_params["number"]].append(status)
        return JSONResponse(status, status_code=201)

    async def _create_check(self, request: Request, token: Token) -> Response:
        asked = await request.json()
        conclusions = ("success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required")
        if asked["conclusion"] not in conclusions or not token.is_app:
            return _problem(422, "Validation Failed")
        number = self._id()
        self.checks[number] = {"id": number, "annotations": [], **asked}
        return self._annotated(number, asked, 201)

    async def _patch_check(self, request: Request, token: Token) -> Response:
        return self._annotated(request.path_params["number"], await request.json(), 200)

    def _annotated(self, number: int, asked: dict[str, Any], status: int) -> Response:
        output = asked["output"]
        needed = {"path", "start_line", "end_line", "annotation_level", "message"}
        wrong = [one for one in output["annotations"] if not needed <= one.keys() or one["path"].startswith("/")]
        levels = {one["annotation_level"] for one in output["annotations"]} - {"notice", "warning", "failure"}
        if len(output["annotations"]) > MOST_ANNOTATIONS or wrong or levels or not output["title"]:
            return _problem(422, "Validation Failed")
        if len(output["summary"]) > BODY_LIMIT - 1:
            return _too_long()
        self.checks[number]["annotations"] += output["annotations"]
        return JSONResponse({"id": number}, status_code=status)

    async def _list_pulls(self, request: Request, token: Token) -> Response:
        head = request.query_params.get("head")
        state = request.query_params.get("state", "open")
        return self._page(
            request,
            [
                pull
                for pull in self.pulls.values()
                if state in ("all", pull["state"]) and head in (None, pull["head"]["label"])
            ],
        )

    async def _get_pull(self, request: Request, token: Token) -> Response:
        pull = self.pulls.get(request.path_params["number"])
        return JSONResponse(pull) if pull else _problem(404, "Not Found")

    async def _pulls_of_commit(self, request: Request, token: Token) -> Response:
        return self._page(request, [self.pulls[number] for number in self.commits.get(request.path_params["sha"], [])])

    def _page(self, request: Request, entries: list[dict[str, Any]]) -> Response:
        size = min(MOST_A_PAGE, int(request.query_params.get("per_page", "30")))
        page = int(request.query_params.get("page", "1"))
        headers = {}
        if page * size < len(entries):
            headers["link"] = f'<{request.url.include_query_params(page=page + 1)}>; rel="next"'
        return JSONResponse(entries[(page - 1) * size : page * size], headers=headers)


def _problem(status: int, message: str, **headers: str) -> JSONResponse:
    return JSONResponse({"message": message, "status": str(status)}, status_code=status, headers=headers)


def _too_long() -> JSONResponse:
    return _problem(422, "Validation Failed: body is too long (maximum is 65536 characters)")


def secondary_limit(seconds: int | None) -> JSONResponse:
    headers = {} if seconds is None else {"retry-after": str(seconds)}
    return _problem(403, "You have exceeded a secondary rate limit. Please wait a few minutes.", **headers)


def primary_limit(reset: int) -> JSONResponse:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    return _problem(403, "API rate limit exceeded", **headers)


def server_error(status: int = 502) -> Response:
    return Response("<html>Bad Gateway</html>", status_code=status, media_type="text/html")
