"""Every operation of App Platform that this project needs, one method each.

Responses become the tolerant models of `models`; errors are those of `reconciler.errors`. Budget, retries and backoff
are in `throttle`. The token is sent only to the API's address: logs and probes are fetched without it.

The platform orders apps by their last update. One that is deployed while pages are read moves to the front, and the app
it pushes to the next page can be missed silently: only counting reveals that. In which order it lists deployments,
the contract does not promise: they are sorted here.

Source of operations, scopes and envelopes: the vendor's OpenAPI description of App Platform.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.live import calls as answers
from reconciler.live.calls import (
    ACCOUNT,
    APPS,
    CREATE,
    DELETE,
    PER_PAGE,
    READ,
    UPDATE,
    Call,
    app_path,
    deployment_path,
    question,
    quoted,
    read,
    write,
)
from reconciler.live.fetch import ProbeAnswer
from reconciler.live.models import (
    Alert,
    Deployment,
    Health,
    LiveApp,
    LogLinks,
    Proposal,
    RollbackValidation,
)
from reconciler.live.session import MOST_PAGES, Page, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from reconciler.appspec.kinds import LogType
    from reconciler.errors import LiveError

App = TypeVar("App")

LISTINGS = 3
"""How often the apps are listed if the account keeps changing meanwhile."""

LEAST = 20
"""Deployments that are read at least: of fewer nothing shows in which order they are listed."""

_UNDATED = datetime.min.replace(tzinfo=UTC)


class Client(Session):
    """The operations of App Platform, for one token; see `Session` for what every method raises."""

    # The account

    async def team(self) -> tuple[str, str]:
        """Id and name of the team that the token belongs to, or of its user; the token needs a scope of its own."""
        account = answers.mapping((await self._ask(ACCOUNT)).get("account"), ACCOUNT)
        owner = team if isinstance(team := account.get("team"), dict) else account
        return str(owner.get("uuid") or ""), str(owner.get("name") or "")

    # Apps

    async def list_apps(self, keep: Callable[[LiveApp], LiveApp] = lambda app: app) -> list[LiveApp]:
        """Every app of the account, 200 per page: ceil(N / 200) requests, one if there are none.

        Of each app only what ``keep`` returns is held; it is called page by page, while others are under way.

        An app that moves to another page counts once. If fewer are seen than there are, because one
        slipped between pages, they are listed again. The progress of active and pinned deployments is dropped: it is
        complete, and parsing it would take longer than all the rest.
        """
        call, seen, pages = read(APPS), dict[str, LiveApp](), list[Page]()

        def read_apps(page: Page) -> Page:
            items = map(answers.without_past_progress, answers.apps_of(page, call))
            return {**page, "apps": [keep(self._model(LiveApp, item, call)) for item in items]}

        for _ in range(LISTINGS):
            pages = await self._pages(call, "apps", keep=read_apps)
            apps: dict[str, LiveApp] = {}
            for app in (app for page in pages for app in page["apps"]):
                apps.setdefault(app.id, app)
            seen |= apps
            if (found := whole(pages, apps, seen)) is not None:
                return list(found.values())
            if len(pages) >= MOST_PAGES:
                break
        raise incomplete(call, pages, len(seen))

    async def look_at(self, app_ids: Collection[str], others: Collection[str] = ()) -> tuple[dict[str, LiveApp], int]:
        """Those of these apps that the listing shows, by id, and how many requests that took.

        Pages are read until all but ``others`` are found: the platform orders apps by their last update, so those that
        are being deployed come first. One that is not among them may still exist. A page that fails is not tried again.
        """
        call, found, missing, number = read(APPS), dict[str, LiveApp](), set(app_ids), 0
        while missing and number < MOST_PAGES:
            page = await self._page(call, number := number + 1, PER_PAGE, single_try=True)
            for item in answers.apps_of(page, call):
                if item["id"] in missing or item["id"] in others:
                    app = self._model(LiveApp, answers.without_past_progress(item), call)
                    found.setdefault(app.id, app)
                    missing.discard(app.id)
            if not answers.has_next(page) and number * PER_PAGE >= answers.total_of(page):
                break
        return found, number

    async def find_app(self, name: str) -> LiveApp | None:
        """The app of that name, by listing and matching: the API's own filter by name is unreliable."""
        return next((app for app in await self.list_apps() if app.name == name), None)

    async def get_app(self, app_id: str) -> LiveApp:
        """One app."""
        return await self._get(LiveApp, "app", read(app_path(app_id)))

    async def create_app(self, spec: Mapping[str, Any], project_id: str = "") -> LiveApp:
        """Create an app; its `pending_deployment` is the deployment to follow."""
        body = {"spec": spec, "project_id": project_id} if project_id else {"spec": spec}
        return await self._get(LiveApp, "app", write("POST", APPS, CREATE), body)

    async def update_app(
        self, app_id: str, spec: Mapping[str, Any], *, update_all_source_versions: bool = False
    ) -> LiveApp:
        """Replace an app's whole spec; its `pending_deployment` is the deployment to follow."""
        body = {"spec": spec, "update_all_source_versions": update_all_source_versions}
        return await self._get(LiveApp, "app", write("PUT", app_path(app_id)), body)

    async def delete_app(self, app_id: str) -> None:
        """Destroy an app."""
        await self._ask(write("DELETE", app_path(app_id), DELETE))

    async def propose(self, spec: Mapping[str, Any], app_id: str = "") -> Proposal:
        """The platform's rendering and price of a spec, for a new app or (``app_id``) an update; changes nothing."""
        body = {"spec": spec, "app_id": app_id} if app_id else {"spec": spec}
        return await self._get(Proposal, "", question(f"{APPS}/propose", READ), body)

    # Deployments

    async def list_deployments(self, app_id: str, *, limit: int = 20) -> list[Deployment]:
        """The newest deployments, newest first, at most ``limit``, in whatever order the platform lists them.

        If the first page is not sorted newest first, the newest may be anywhere, so every page is read.
        """
        call = read(f"{app_path(app_id)}/deployments")
        pages = await self._pages(call, "deployments", max(limit, LEAST))
        found = self._deployments(pages, call)
        ids = [deployment.id for deployment in found]
        if goes_on(pages, "deployments") and ids != [deployment.id for deployment in newest_first(found)]:
            found = self._deployments(await self._pages(call, "deployments"), call)
        return newest_first(found)[:limit]

    def _deployments(self, pages: list[Page], call: Call) -> list[Deployment]:
        items = (item for page in pages for item in answers.items_of(page, "deployments"))
        return [self._model(Deployment, item, call) for item in items]

    async def get_deployment(self, app_id: str, deployment_id: str) -> Deployment:
        """One deployment."""
        return await self._get(Deployment, "deployment", read(deployment_path(app_id, deployment_id)))

    async def create_deployment(self, app_id: str, *, force_build: bool = False) -> Deployment:
        """Redeploy the app's spec with the newest sources; ``force_build`` ignores the build cache."""
        call = write("POST", f"{app_path(app_id)}/deployments")
        return await self._get(Deployment, "deployment", call, {"force_build": force_build})

    async def cancel_deployment(self, app_id: str, deployment_id: str) -> Deployment:
        """Cancel a deployment that is under way."""
        call = write("POST", f"{deployment_path(app_id, deployment_id)}/cancel")
        return await self._get(Deployment, "deployment", call, {})

    # Rollback

    async def validate_rollback(self, app_id: str, deployment_id: str, *, skip_pin: bool = False) -> RollbackValidation:
        """Whether an app can be rolled back to a deployment; changes nothing, yet needs the scope of an update."""
        call = question(f"{app_path(app_id)}/rollback/validate", UPDATE)
        return await self._get(RollbackValidation, "", call, {"deployment_id": deployment_id, "skip_pin": skip_pin})

    async def roll_back(self, app_id: str, deployment_id: str, *, skip_pin: bool = False) -> Deployment:
        """Roll back: a new deployment. Unless ``skip_pin`` the app is pinned to it until commit or revert."""
        call = write("POST", f"{app_path(app_id)}/rollback")
        return await self._get(Deployment, "deployment", call, {"deployment_id": deployment_id, "skip_pin": skip_pin})

    async def commit_rollback(self, app_id: str) -> None:
        """Keep the rollback and unpin the app."""
        await self._ask(write("POST", f"{app_path(app_id)}/rollback/commit"), {})

    async def revert_rollback(self, app_id: str) -> Deployment:
        """Go back to the spec before the rollback, and unpin the app."""
        return await self._get(Deployment, "deployment", write("POST", f"{app_path(app_id)}/rollback/revert"), {})

    # Alerts

    async def list_alerts(self, app_id: str) -> list[Alert]:
        """The alerts of an app and of its components, with who is notified."""
        call = read(f"{app_path(app_id)}/alerts")
        page = answers.mapping(await self._ask(call), call)
        return [self._model(Alert, item, call) for item in answers.items_of(page, "alerts")]

    async def assign_alert_destinations(self, app_id: str, alert_id: str, destinations: Mapping[str, Any]) -> None:
        """Replace who is notified of an alert: ``emails``, and ``slack_webhooks`` of ``url`` and ``channel``."""
        call = write("POST", f"{app_path(app_id)}/alerts/{quoted(alert_id)}/destinations")
        await self._ask(call, destinations)

    # Health and logs

    async def health(self, app_id: str) -> Health:
        """The health of an app's components, as far as the platform reports any.

        The vendor's description has it under ``app_health``, its example without: no report of a fault may be missed.
        """
        call = read(f"{app_path(app_id)}/health")
        answer = answers.mapping(await self._ask(call), call)
        return self._model(Health, answer.get("app_health", answer) or {}, call)

    async def logs(
        self,
        app_id: str,
        deployment_id: str = "",
        component: str = "",
        *,
        type: LogType,  # noqa: A002  the API's name for it
        tail_lines: int = 0,
    ) -> LogLinks:
        """Links to logs; those of the active deployment and of all components unless specified.

        Raises:
            Rejected: 400, the deployment never reached the phase that writes them.
        """
        path = deployment_path(app_id, deployment_id) if deployment_id else app_path(app_id)
        path += f"/components/{quoted(component)}/logs" if component else "/logs"
        query = {"type": type, "tail_lines": str(tail_lines)} if tail_lines > 0 else {"type": type}
        return await self._get(LogLinks, "", read(path), query=query)

    async def log_tail(self, links: LogLinks, lines: int = 20) -> list[str]:
        """The last lines of a finished log, fetched without the token; never raises: a log only explains."""
        return [self._redact(line) for line in await self._outside.log_tail(links.historic_urls, lines)]

    async def probe(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  of this one request, returned in the answer instead of raised
        verify_tls: bool = True,
        body_limit: int = 65536,
    ) -> ProbeAnswer:
        """Request an app itself, without the token; total ``timeout`` in seconds. Raises no network errors."""
        return await self._outside.probe(
            url, method=method, headers=headers or {}, timeout=timeout, verify_tls=verify_tls, body_limit=body_limit
        )


# --- Whether a listing is complete, and its order ---


def whole(pages: Sequence[Page], apps: Mapping[str, App], seen: Mapping[str, App]) -> Mapping[str, App] | None:
    """All apps of the account by id, if that is certain; None if some may be missing.

    ``apps`` are those of these pages, ``seen`` includes those of earlier listings of the same run: once they are as
    many as the pages report, they are complete.
    """
    totals = {answers.total_of(page) for page in pages}
    if len(totals) > 1 or len(pages) >= MOST_PAGES:
        return None
    (total,) = totals
    if len(apps) >= total:
        return apps
    return seen if len(seen) == total else None


def incomplete(call: Call, pages: Sequence[Page], seen: int) -> LiveError:
    """The error for a listing that was never complete."""
    total = max(map(answers.total_of, pages))
    counted = f"{total} reported, {seen} listed" if seen < total else "the total changes from page to page"
    what = f"cannot get a complete list of apps: {counted}"
    hint = "the account kept changing while it was read; try again later"
    return answers.unreachable(call, what, hint=hint)


def newest_first(found: Sequence[Deployment]) -> list[Deployment]:
    """Deployments by ``created_at``, each once, whatever order they were listed in.

    Of the same moment the one whose lineage (``previous_deployment_id``) is longer is the newer one; one without a
    moment follows its predecessor; those that cannot be ordered stay in the order of the list.
    """
    known: dict[str, Deployment] = {}
    for deployment in found:
        known.setdefault(deployment.id, deployment)
    places: dict[str, tuple[datetime, int]] = {}
    for deployment in known.values():
        line: list[Deployment] = []
        before: Deployment | None = deployment
        while before is not None and before.id not in places:
            places[before.id] = (_UNDATED, 0)  # so that a circle ends
            line.append(before)
            before = known.get(before.previous_deployment_id)
        when, length = places[before.id] if before else (_UNDATED, 0)
        for one in reversed(line):
            when, length = one.created_at or when, length + 1
            places[one.id] = (when, length)
    return sorted(known.values(), key=lambda deployment: places[deployment.id], reverse=True)


def goes_on(pages: Sequence[Page], key: str) -> bool:
    """Whether there are more items than these pages hold."""
    held = sum(len(answers.items_of(page, key)) for page in pages)
    return answers.has_next(pages[-1]) or answers.total_of(pages[0]) > held
