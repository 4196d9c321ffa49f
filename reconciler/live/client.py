"""Every operation of App Platform that this project needs, one method each.

Responses become the tolerant models of `models`; errors are those of `reconciler.errors`. Budget, retries and backoff
are in `throttle`. The token is sent only to the API's address: logs and probes are fetched without it.

Source of operations, scopes and envelopes: the vendor's OpenAPI description of App Platform.
"""

from __future__ import annotations

import contextlib
from random import random as system_random
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from reconciler import __version__
from reconciler.errors import LiveError
from reconciler.live import responses as answers
from reconciler.live.calls import (
    APPS,
    CREATE,
    DELETE,
    READ,
    UPDATE,
    Call,
    app_path,
    checked_token,
    deployment_path,
    question,
    quoted,
    read,
    write,
)
from reconciler.live.fetch import ACCEPTED, Outside, TooLarge
from reconciler.live.listing import (
    LEAST,
    LISTINGS,
    MOST_PAGES,
    Page,
    goes_on,
    incomplete,
    newest_first,
    read_pages,
    whole,
)
from reconciler.live.models import (
    Deployment,
    Health,
    LiveApp,
    LogLinks,
    ProbeAnswer,
    Proposal,
    RollbackValidation,
    Usage,
)
from reconciler.live.responses import PER_PAGE
from reconciler.live.throttle import (
    API,
    CHANGES_NOTHING,
    CONCURRENCY,
    DECODED,
    METER,
    PER_MINUTE,
    Throttle,
    address,
    direct,
    was_unsent,
)
from reconciler.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from reconciler.appspec.kinds import LogType
    from reconciler.clock import Clock

Model = TypeVar("Model", bound=BaseModel)


class Client:
    """App Platform over HTTP, for one token; an async context manager.

    Every method raises `reconciler.errors.LiveError`: `ApiError` and its subclasses for an error status,
    `TransportFailed` if no usable response came and nothing was changed, and (writes only) `AnswerLost` if
    it may or may not have taken effect. They are raised only after all permitted retries.

    With a ``transport`` (an in-process sandbox, a fake) logs and probes go through it as well.
    """

    def __init__(  # noqa: PLR0913  everything that a test or a caller may want to replace
        self,
        token: str,
        *,
        base_url: str = API,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = system_random,
        concurrency: int = CONCURRENCY,
        per_minute: int = PER_MINUTE,
        timeout: float = 30.0,
        on_wait: Callable[[float, str], None] | None = None,
    ) -> None:
        """``timeout`` in seconds without a byte; ``on_wait(seconds, why)`` is called before a noticeable wait.

        Raises:
            UsageError: the token or the address is invalid.
        """
        base = address(base_url)
        token = checked_token(token)
        self._redact = Redactor([token])
        self._host = base.netloc.decode()
        self._outside = Outside(transport)
        self._throttle = Throttle(
            transport or direct(base, concurrency),
            clock=clock,
            random=random,
            concurrency=concurrency,
            per_minute=per_minute,
            on_wait=on_wait,
        )
        self._http = httpx.AsyncClient(
            base_url=base,
            transport=self._throttle,
            timeout=timeout,
            headers={"Authorization": f"Bearer {token}", "User-Agent": f"reconciler/{__version__}", **ACCEPTED},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()
        await self._outside.aclose()

    @property
    def requests(self) -> int:
        """The number of requests sent to the API, retries included; logs and probes do not count."""
        return self._throttle.requests

    @contextlib.contextmanager
    def meter(self, key: str) -> Iterator[None]:
        """Count the requests sent inside, and by tasks started inside, under a key."""
        before = METER.set(key)
        try:
            yield
        finally:
            METER.reset(before)

    def metered(self, key: str) -> Usage:
        """The usage counted under a key so far."""
        return self._throttle.metered[key]

    # Apps

    async def list_apps(self) -> list[LiveApp]:
        """Every app of the account, 200 per page: ceil(N / 200) requests, one if there are none.

        An app that moves to another page counts once. If fewer are seen than there are, because one
        slipped between pages, they are listed again. The progress of active and pinned deployments is dropped: it is
        complete, and parsing it would take longer than all the rest.
        """
        call, seen, pages = read(APPS), dict[str, LiveApp](), list[Page]()
        for _ in range(LISTINGS):
            pages = await self._pages(call, "apps")
            apps: dict[str, LiveApp] = {}
            for item in (item for page in pages for item in answers.apps_of(page, call)):
                app = self._model(LiveApp, answers.without_past_progress(item), call)
                apps.setdefault(app.id, app)
            seen |= apps
            if (found := whole(pages, apps, seen)) is not None:
                return list(found.values())
            if len(pages) >= MOST_PAGES:
                break
        raise incomplete(call, pages, len(seen))

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

    # Health and logs

    async def health(self, app_id: str) -> Health:
        """The health of an app's components, as far as the platform reports any."""
        call = read(f"{app_path(app_id)}/health")
        return self._model(Health, answers.mapping(await self._ask(call), call).get("app_health") or {}, call)

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

    # What the platform offers

    async def instance_sizes(self) -> list[dict[str, Any]]:
        """The sizes of instances: ``slug``, ``usd_per_month`` (a string) and more."""
        return await self._listed(read(f"{APPS}/tiers/instance_sizes"), "instance_sizes")

    async def regions(self) -> list[dict[str, Any]]:
        """The regions: ``slug``, ``label``, ``data_centers`` and more."""
        return await self._listed(read(f"{APPS}/regions"), "regions")

    # Responses to models

    async def _get(
        self,
        model: type[Model],
        envelope: str,
        call: Call,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Model:
        answer = answers.mapping(await self._ask(call, body, query), call)
        found = self._model(model, answer.get(envelope) if envelope else answer, call)
        if call.changes_nothing and isinstance(found, LiveApp | Deployment) and not found.id:
            raise answers.unusable(call, answers.UNREADABLE)  # an empty one would read as an app without any pin
        return found

    async def _listed(self, call: Call, key: str) -> list[dict[str, Any]]:
        return list(answers.items_of(answers.mapping(await self._ask(call), call), key))

    def _model(self, model: type[Model], value: Any, call: Call) -> Model:
        with contextlib.suppress(ValidationError):  # which would quote the response
            return model.model_validate(value)
        raise answers.unusable(call, answers.UNREADABLE)

    async def _pages(self, call: Call, key: str, limit: int | None = None) -> list[Page]:
        """The pages of a listing; with a ``limit``, only as many as hold that many items."""
        size = min(limit or PER_PAGE, PER_PAGE)

        async def page(number: int) -> Page:
            query = {"page": str(number), "per_page": str(size)}
            return answers.mapping(await self._ask(call, query=query), call)

        return await read_pages(page, key, size, MOST_PAGES if limit is None else -(-limit // size))

    async def _ask(
        self, call: Call, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """The decoded response of a call; None if it is empty. Errors are raised without httpx's own."""
        request = self._http.build_request(
            call.method, call.path, json=body, params=query, extensions={CHANGES_NOTHING: call.changes_nothing}
        )
        try:
            response = await self._http.send(request)
        except httpx.RequestError as failure:
            problem = _lost(call, failure, self._host)
        else:
            if response.is_success and DECODED in response.extensions:
                return response.extensions[DECODED]
            problem = self._problem(call, response, body)
        if self._host != httpx.URL(API).netloc.decode():
            problem.hint = answers.elsewhere(problem, self._host)
        raise problem  # raised here it does not chain the failure, whose request holds the token

    def _problem(self, call: Call, response: httpx.Response, body: Mapping[str, Any] | None) -> LiveError:
        if response.is_success:
            return answers.unusable(call, "the response is not JSON, or is incomplete")
        redact = Redactor(answers.secrets_in(body["spec"]) if body and "spec" in body else frozenset())
        return answers.error_for(
            call,
            response.status_code,
            response.content,
            request_id=response.headers.get("x-request-id", ""),
            redact=lambda text: redact(self._redact(text)),
        )


def _lost(call: Call, failure: httpx.RequestError, host: str) -> LiveError:
    """The error for a connection failure; its text is omitted if it could quote what was sent."""
    said = answers.tidy(str(failure)) or type(failure).__name__
    said = "the request cannot be sent" if isinstance(failure, httpx.LocalProtocolError) else said
    if isinstance(failure, TooLarge):
        return answers.unusable(call, said)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        hint = "set SSL_CERT_FILE to the certificates to trust"
        return answers.unreachable(call, f"no trusted connection to {host}: {said}", hint=hint)
    if isinstance(failure, httpx.TransportError | httpx.DecodingError) and was_unsent(failure):
        return answers.unreachable(call, f"no connection to {host}: {said}")
    return answers.unusable(call, f"no response from {host}: {said}")
