"""Deployments on GitHub, one for each environment and commit: pending, in progress, then how it ended.

Facts from GitHub's REST documentation ("Deployments", "Deployment statuses"): a list has the newest first; a
description has at most 140 characters; `auto_inactive` spares production environments, so what a deployment replaces is
ended here. GitHub allows 500 requests an hour that create something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.github.api import number_of, text_of
from reconciler.views.lines import shortened

if TYPE_CHECKING:
    from reconciler.github.api import GitHub

DESCRIPTION = 140

_LOOKED_AT = 30
"""Deployments of an environment that are looked at: beyond so many failures in a row nothing is ended."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a deployment is of. ``transient``: the environment ends; ``production``: people use it."""

    environment: str
    commit: str
    description: str = ""
    transient: bool = False
    production: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """A status; ``state``: pending, in_progress, success, failure, error (nothing was deployed) or inactive."""

    state: str
    url: str = ""
    description: str = ""

    @property
    def failed(self) -> bool:
        """Whether the deployment ended without the app as Git wants it."""
        return self.state in ("failure", "error")


INACTIVE = Status("inactive")


@dataclass(frozen=True)
class Deployments:
    """The deployments of a repository that have our ``task``. Every method raises `GitHubError`.

    What was replaced is ended from the oldest on, before its successor is a success: so no environment has two that are
    active, whatever fails in between, and nothing older than an inactive one is active.
    """

    github: GitHub
    repository: str
    task: str
    run_url: str = ""
    _known: dict[int, Status] = field(default_factory=dict)
    """The statuses that we set ourselves."""

    async def begin(self, subject: Subject) -> int:
        """The environment's newest deployment if it is of this commit, else a new one, without a status."""
        newest = (await self._listed(subject.environment, 1))[:1]
        if newest and newest[0][1] == subject.commit:
            return newest[0][0]
        body = {
            "ref": subject.commit,
            "task": self.task,
            "environment": subject.environment,
            "description": shortened(subject.description, DESCRIPTION - 40),
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": subject.transient,
            "production_environment": subject.production,
        }
        number = number_of(await self.github.post(self._path, body), "id")
        self._known[number] = Status("")
        return number

    async def show(self, number: int, status: Status) -> None:
        """Set a status unless it is the newest already."""
        if await self.status(number) != status:
            await self._set(number, status)

    async def status(self, number: int) -> Status:
        """The newest status of a deployment; its state is empty if there is none."""
        if number in self._known:
            return self._known[number]
        listed = await self.github.get(f"{self._path}/{number}/statuses", per_page="1")
        newest = listed[0] if isinstance(listed, list) and listed else {}
        return Status(text_of(newest, "state"), text_of(newest, "environment_url"), text_of(newest, "description"))

    async def newest(self, environment: str) -> Status | None:
        """The status of an environment's newest deployment; None if it has none."""
        found = await self._listed(environment, 1)
        return await self.status(found[0][0]) if found else None

    async def end(self, environment: str, *, but: int = 0, failures: bool = False) -> None:
        """End an environment's deployments, all ``but`` one; those that failed stay so unless ``failures`` end, too."""
        active: list[int] = []
        for number, _ in await self._listed(environment, _LOOKED_AT):
            if number == but:
                continue
            status = await self.status(number)
            if status.state == INACTIVE.state:
                break
            if failures or not status.failed:
                active.append(number)
            if status.state == "success":
                break
        for number in reversed(active):
            await self._set(number, INACTIVE)

    async def environments(self) -> set[str]:
        """The environments of the newest hundred deployments."""
        listed = await self.github.get(self._path, task=self.task, per_page="100")
        return {text_of(entry, "environment") for entry in (listed if isinstance(listed, list) else ())} - {""}

    @property
    def _path(self) -> str:
        return f"/repos/{self.repository}/deployments"

    async def _listed(self, environment: str, most: int) -> list[tuple[int, str]]:
        """Id and commit of an environment's deployments, the newest first."""
        found = await self.github.get(self._path, environment=environment, task=self.task, per_page=str(most))
        return [(number_of(one, "id"), text_of(one, "sha")) for one in (found if isinstance(found, list) else ())]

    async def _set(self, number: int, status: Status) -> None:
        body: dict[str, object] = {"state": status.state, "auto_inactive": False}
        body |= {"environment_url": status.url} if status.url else {}
        body |= {"description": status.description} if status.description else {}
        body |= {"log_url": self.run_url} if self.run_url and status != INACTIVE else {}
        await self.github.post(f"{self._path}/{number}/statuses", body, again=True)
        self._known[number] = status
