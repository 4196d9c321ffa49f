"""Whose preview an app is: the pull request, the name that follows from it, the mark in the app, and the proof. Pure.

No file knows the previews: each carries a mark in its own spec, a variable that binds app, repository and pull request.
Anybody can copy a variable, so the mark alone proves nothing. It counts only in an app whose name is the one that
`name_of` gives for what the mark says, and that no spec and no environment names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.config_file import ConfigFile
from reconciler.text import ago

if TYPE_CHECKING:
    from reconciler.config_preview import Preview

VARIABLE = "RECONCILE_PREVIEW"
"""The app's variable with its mark. Of scope BUILD_TIME: running instances never see it."""

LONGEST_NAME = 32
"""Of an app, see `appspec.parts.Name`."""

MOST_PULLS = 9_999_999
"""The highest number of a pull request whose name leaves room for that of the app."""

_REPOSITORY = r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"
_FORM = re.compile(
    rf"v1 app=(?P<app>[a-z][a-z0-9-]{{0,30}}[a-z0-9]) repository=(?P<repository>{_REPOSITORY})"
    r" pull=(?P<pull>[1-9]\d{0,6}) commit=(?P<commit>[0-9a-f]{40,64})"
)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request of ``repository`` (``owner/name``) as it is now; ``commit`` is its head, on ``branch``.

    ``fork`` is the repository of the branch if that is another one.
    """

    repository: str
    number: int
    branch: str
    commit: str
    fork: str = ""
    is_open: bool = True
    is_draft: bool = False
    labels: frozenset[str] = frozenset()

    @property
    def lasting(self) -> bool:
        """Whether all that a preview is derived from is there, in a form that a mark can hold."""
        text = f"v1 app=app repository={self.repository} pull={self.number} commit={self.commit}"
        return bool(_FORM.fullmatch(text)) and bool(self.branch)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the mark of a preview says. ``commit``: the head of the pull request when it was last deployed."""

    app: str
    repository: str
    pull: int
    commit: str

    @property
    def text(self) -> str:
        """The variable's value."""
        return f"v1 app={self.app} repository={self.repository} pull={self.pull} commit={self.commit}"

    @property
    def name(self) -> str:
        """The only name that an app with this mark may have."""
        return name_of(self.app, self.repository, self.pull)

    def is_of(self, repository: str, number: int = 0) -> bool:
        """Whether it is of a repository, in any case as GitHub takes it, and of a pull request (0: of any)."""
        return self.repository.lower() == repository.lower() and number in (0, self.pull)


def name_of(app: str, repository: str, number: int) -> str:
    """The name of a preview: ``shop-pr-12-0a1b2c3d``, the app's cut so that all of it has 32 characters at most."""
    digest = hashlib.sha256("\0".join((app, repository.lower(), str(number))).encode()).hexdigest()[:8]
    end = f"-pr-{number}-{digest}"
    return app[: LONGEST_NAME - len(end)].rstrip("-") + end


def marked(spec: Mapping[str, Any], mark: Mark) -> dict[str, Any]:
    """A spec with this mark and no other."""
    out = without_mark(spec)
    return {**out, "envs": [*(out.get("envs") or []), {"key": VARIABLE, "value": mark.text, "scope": "BUILD_TIME"}]}


def without_mark(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec, as in the API, without a mark: for writing it to Git, where none belongs."""
    envs = spec.get("envs")
    if not isinstance(envs, list) or not any(map(_is_mark, envs)):
        return dict(spec)
    rest = [env for env in envs if not _is_mark(env)]
    return {**spec, "envs": rest} if rest else {name: value for name, value in spec.items() if name != "envs"}


def mark_of(spec: Mapping[str, Any]) -> Mark | None:
    """The mark in a spec; None if it has none, several, or one of another form. It proves nothing, see `proven`."""
    envs = spec.get("envs")
    found = [env for env in envs if _is_mark(env)] if isinstance(envs, list) else []
    match = _FORM.fullmatch(str(found[0].get("value"))) if len(found) == 1 else None
    if match is None:
        return None
    return Mark(match["app"], match["repository"], int(match["pull"]), match["commit"])


def proven(spec: Mapping[str, Any], named: Collection[str]) -> Mark | None:
    """The mark of an app that is a preview beyond doubt; None for any other app, whatever mark it carries.

    ``named`` are the apps that Git knows in any way, see `names_in`: none of them is ever a preview.
    """
    mark = mark_of(spec)
    return mark if mark is not None and spec.get("name") == mark.name and mark.name not in named else None


def names_in(file: ConfigFile, apps: Collection[str]) -> frozenset[str]:
    """Every name that specs, environments or the configuration have for an app. ``apps`` are those of the base."""
    from reconciler.environments import environment_of

    config = file.config
    moved = {*config.moved, *config.moved.values()}
    environments = [environment_of(config, name) for name in config.environments]
    bases = {*apps, *config.apps, *moved}.union(*(own.apps for own in environments))
    return frozenset(bases.union(*(map(own.renamed, bases) for own in environments)))


def _is_mark(env: Any) -> bool:
    return isinstance(env, Mapping) and env.get("key") == VARIABLE


# --- Which pull requests have previews, and when one ends ---


def why_none(pull: PullRequest, settings: Preview, approved: str) -> str:
    """Why a pull request has no preview; empty if it has one.

    ``approved`` is the commit of a fork's pull request that a person with write access labelled: no other has one.
    """
    if not pull.is_open:
        return "the pull request is closed"
    if pull.is_draft and not settings.drafts:
        return "the pull request is a draft"
    if pull.fork:
        if settings.fork_label not in pull.labels:
            return f"the pull request is from a fork and has no label {settings.fork_label}"
        if approved != pull.commit:
            return (
                f"the pull request is from a fork: {pull.commit[:7]} needs the label {settings.fork_label} from "
                "a person with write access; remove the label and add it again"
            )
    elif settings.label and settings.label not in pull.labels:
        return f"the pull request has no label {settings.label}"
    return ""


def why_over(mark: Mark, pull: PullRequest | None, settings: Preview, deployed: datetime | None, now: datetime) -> str:
    """Why a preview ends; empty if it goes on. ``pull`` is None where it is not known: then only age ends it.

    ``deployed`` is when it was last deployed. Its own mark shows which commit of a fork was approved: no other was
    ever deployed.
    """
    why = why_none(pull, settings, mark.commit) if pull is not None else ""
    if not why and deployed is not None and now >= deployed + timedelta(seconds=settings.ttl):
        why = f"it has expired: its last deployment was {ago(deployed, now)}"
    return why
