"""What the platform did by itself, read from deployments: its own rollbacks, and failures that are its own. Pure.

Source: published records of the real service. After a failure in the deploy phase, never after a failed build, the
platform makes a deployment by itself: its cause is ``automated rollback after failed deployment of "<id>"``,
``previous_deployment_id`` names the failed one and ``cloned_from`` the one it goes back to. Deployments come newest
first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from reconciler.appspec.kinds import BUILT_KINDS, components
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Severity
from reconciler.live.models import Deployment, LiveApp, Phase, ProgressStep
from reconciler.plan.canonical import canonical

FAULTS = frozenset({"InternalError", "BuildRateLimit", "ResourceExhausted"})
"""Reason codes of steps that fail through no fault of the spec."""

BY_USERS = frozenset({"MANUAL_ROLLBACK", "ROLLBACK_APP", "REVERT_APP_ROLLBACK", "RESTART"})
"""Types and actions of deployments that set ``cloned_from``, too, and that only a user asks for."""

TYPES = frozenset(
    {
        "MANUAL",
        "DEPLOY_ON_PUSH",
        "MAINTENANCE",
        "MANUAL_ROLLBACK",
        "AUTO_ROLLBACK",
        "UPDATE_DATABASE_TRUSTED_SOURCES",
        "AUTOSCALED",
    }
)
"""The documented types of causes; of any other nothing is known."""


class FailedIn(StrEnum):
    """Where a deployment failed, which decides whether the platform may go back by itself.

    build    before anything was deployed: the platform does nothing
    deploy   in the deploy phase: the platform goes back within minutes
    soak     it was ACTIVE, and its phase became ERROR
    health   it is ACTIVE and unhealthy: only we judge that
    unknown  its steps do not say
    """

    BUILD = "build"
    DEPLOY = "deploy"
    SOAK = "soak"
    HEALTH = "health"
    UNKNOWN = "unknown"


def failed_in(deployment: Deployment) -> FailedIn:
    """The phase in which a deployment in ERROR failed, by the topmost of its steps that did."""
    steps = deployment.progress.steps if deployment.progress else ()
    names = [step.name.lower() for step in steps if any(one.status == "ERROR" for one in walk_steps((step,)))]
    if not names:
        return FailedIn.UNKNOWN
    if "build" in names[0]:
        return FailedIn.BUILD
    return FailedIn.DEPLOY if "deploy" in names[0] else FailedIn.UNKNOWN


def walk_steps(steps: Sequence[ProgressStep]) -> Iterator[ProgressStep]:
    """Every step, the inner ones before the one they are part of."""
    for step in steps:
        yield from walk_steps(step.steps)
        yield step


def failing_step(steps: Sequence[ProgressStep]) -> ProgressStep | None:
    """The innermost step that failed; of several, the first that names a component and says why."""
    failed = [step for step in walk_steps(steps) if step.status == "ERROR"]

    def silence(step: ProgressStep) -> tuple[bool, bool]:
        return (not (step.reason and (step.reason.code or step.reason.message)), not step.component_name)

    return min(failed, key=silence, default=None)


def failure_codes(deployment: Deployment) -> frozenset[str]:
    """The reason codes of the steps that failed; a reason without a code counts as its message."""
    steps = deployment.progress.steps if deployment.progress else ()
    reasons = [step.reason for step in walk_steps(steps) if step.status == "ERROR" and step.reason]
    return frozenset(reason.code or reason.message for reason in reasons) - {""}


def is_platform_fault(deployment: Deployment) -> bool:
    """Whether a deployment ended in ERROR through no fault of its spec.

    Every reason must be the platform's own: one of the user's wins. No reason at all counts as well, but only in a
    deployment that was read by its id, as listings may leave the steps out.
    """
    return deployment.phase is Phase.ERROR and failure_codes(deployment) <= FAULTS


def was_active(deployment: Deployment) -> bool:
    """Whether it ever served. SUPERSEDED alone does not tell: a build that was overtaken is that, too.

    Of a superseded one, every step must have succeeded, where the platform still says so.
    """
    match deployment.phase:
        case Phase.ACTIVE:
            return True
        case Phase.SUPERSEDED:
            progress = deployment.progress
            if progress is None or not progress.total_steps:
                return True
            return not progress.error_steps and progress.success_steps == progress.total_steps
        case _:
            return False


# --- The platform's own rollback (C49) ---


@dataclass(frozen=True, slots=True)
class OwnRollback:
    """A deployment that the platform made by itself after another one failed.

    ``failed_id`` is the one that failed, empty where nothing says which. ``proven``: by its type or its cause; else
    only its lineage speaks for it, and nothing against it.
    """

    deployment: Deployment
    failed_id: str
    proven: bool


def own_rollback(one: Deployment, history: Sequence[Deployment]) -> OwnRollback | None:
    """The platform's own rollback that a deployment is, or None.

    Its type or a cause that names the failed deployment proves it. Its lineage alone counts if no type that is known
    and no user's action speaks against it, and its spec is that of an earlier deployment that was active.
    """
    kind = one.cause_details.type if one.cause_details else ""
    action = one.cause_details.digitalocean_user_action if one.cause_details else None
    name = action.name if action else ""
    if {kind, name} & BY_USERS:
        return None
    failed = _failed_before(one, history)
    named = next((each.id for each in failed if each.id in one.cause), "")
    if not named and "failed" in one.cause and one.previous_deployment_id in one.cause:
        named = one.previous_deployment_id
    if kind == "AUTO_ROLLBACK" or named:
        previous = one.previous_deployment_id or (failed[0].id if failed else "")
        return OwnRollback(one, named or previous, proven=True)
    before = next((each for each in failed if each.id == one.previous_deployment_id), None)
    if name or kind in TYPES or before is None or not one.cloned_from or not _is_earlier(one, before, history):
        return None
    return OwnRollback(one, before.id, proven=False)


def _failed_before(one: Deployment, history: Sequence[Deployment]) -> list[Deployment]:
    """The deployments that ended in ERROR before this one was made, newest first; it may be in no list yet."""
    ids = [each.id for each in history]
    older = history[ids.index(one.id) + 1 :] if one.id in ids else history
    return [each for each in older if each.phase is Phase.ERROR and each.id]


def _is_earlier(one: Deployment, failed: Deployment, history: Sequence[Deployment]) -> bool:
    """Whether its spec is that of a deployment which was active before the failed one was made."""
    older = history[history.index(failed) :]
    return any(was_active(each) and canonical(each.spec) == canonical(one.spec) for each in older)


def own_rollbacks(history: Sequence[Deployment]) -> dict[str, OwnRollback]:
    """All rollbacks in a history that the platform made by itself, by their ids."""
    found = (own_rollback(one, history) for one in history)
    return {each.deployment.id: each for each in found if each is not None}


def failed_for(own: OwnRollback, owns: Mapping[str, OwnRollback]) -> str:
    """The deployment of a user's at which a chain of the platform's own rollbacks began."""
    seen: set[str] = set()
    while own.failed_id in owns and own.failed_id not in seen:
        seen.add(own.failed_id)
        own = owns[own.failed_id]
    return own.failed_id


def ended_at(deployment: Deployment) -> datetime | None:
    """When a deployment became active or failed: when the last of its steps ended. None if no step says."""
    steps = deployment.progress.steps if deployment.progress else ()
    return max((step.ended_at for step in steps if step.ended_at is not None), default=None)


# --- What is newer than what an app runs, though its spec is unchanged: a commit, or a push that failed ---
#
# Deployments carry the commit that each component was built from; app listings include that of the active deployment,
# and when the app was last deployed. So both are seen without another request.


FAILED_PUSH = "failed-push"
"""The code of the finding that the last push failed to deploy."""

_CLONE_URL = re.compile(r"(?:https?://|ssh://|git@)(?:[^@/]*@)?(?:[^/:]+)[/:](?P<repo>.+?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True)
class PipelineCommit:
    """The commit that a pipeline runs for: ``owner/name`` of its repository, its branch, its hash."""

    repository: str
    branch: str
    sha: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> PipelineCommit | None:
        """The commit that GitHub Actions or GitLab CI name for a branch; None elsewhere, and for pull requests."""
        branch = environ.get("GITHUB_REF", "").removeprefix("refs/heads/")
        found = cls(environ.get("GITHUB_REPOSITORY", ""), branch, environ.get("GITHUB_SHA", ""))
        if branch == environ.get("GITHUB_REF", ""):
            names = ("CI_PROJECT_PATH", "CI_COMMIT_BRANCH", "CI_COMMIT_SHA")
            found = cls(*(environ.get(name, "") for name in names))
        return found if found.repository and found.branch and found.sha else None


def older_components(live: LiveApp, commit: PipelineCommit | None) -> dict[str, str]:
    """The components that run another commit than the pipeline's, of its repository and branch, and which."""
    active = live.active_deployment
    if commit is None or active is None:
        return {}
    runs = {name: source for name, source in active.sources.items() if name in _of_branch(live.spec, commit)}
    return {name: source for name, source in runs.items() if not _same_commit(source, commit.sha)}


def _of_branch(spec: Mapping[str, Any], commit: PipelineCommit) -> set[str]:
    return {
        str(item.get("name"))
        for _, item in components(spec, BUILT_KINDS)
        for kind in ("github", "gitlab", "bitbucket", "git")
        if isinstance(source := item.get(kind), Mapping)
        and source.get("branch") == commit.branch
        and _repository(source).lower() == commit.repository.lower()
    }


def _repository(source: Mapping[str, Any]) -> str:
    """``owner/name``; empty for a clone URL of another form."""
    url = _CLONE_URL.fullmatch(str(source.get("repo_clone_url", "")))
    return url["repo"] if url else str(source.get("repo", ""))


def _same_commit(one: str, other: str) -> bool:
    """Whether two hashes name one commit; either may be abbreviated."""
    return one.startswith(other) or other.startswith(one)


def failed_since(live: LiveApp) -> bool:
    """Whether something was deployed after the active deployment, and is over: it did not become active (C91).

    Or what is active is the platform's own rollback, which followed a failure (C49).
    """
    active, last = live.active_deployment, live.last_deployment_created_at
    if active is None or active.created_at is None or last is None or live.running_deployment is not None:
        return False
    return last > active.created_at or own_rollback(active, ()) is not None


def failed_push(live: LiveApp, history: Sequence[Deployment]) -> Deployment | None:
    """The newest deployment, if it failed and a push made it; ``history`` is newest first.

    A rollback that the platform made by itself since is not counted: it is what became of that push.
    """
    owns = own_rollbacks(history)
    newest, active = next((one for one in history if one.id not in owns), None), live.active_deployment
    if newest is None or active is None or newest.id == active.id or newest.phase is not Phase.ERROR:
        return None
    details = newest.cause_details
    return newest if details is not None and details.type == "DEPLOY_ON_PUSH" else None


def push_failure(live: LiveApp, history: Sequence[Deployment]) -> str:
    """What became of the last push and what serves instead, if it failed; otherwise empty."""
    push = failed_push(live, history)
    if push is None or live.active_deployment is None:
        return ""
    step = failing_step(push.progress.steps if push.progress else ())
    said = (step.component_name, step.reason.code if step.reason else "") if step else ()
    where = f": {' '.join(filter(None, said))}" if any(said) else ""
    return f"the last push failed to deploy (deployment {push.id}{where}): {live.active_deployment.id} still serves"


def failed_attempt(
    history: Sequence[Deployment], older: Mapping[str, str], commit: PipelineCommit
) -> Deployment | None:
    """The newest deployment of the pipeline's commit to components that run an older one, if it failed."""
    tried = (one for one in history if any(_same_commit(one.sources.get(name, "-"), commit.sha) for name in older))
    newest = next(tried, None)
    return newest if newest is not None and newest.phase in (Phase.ERROR, Phase.CANCELED, Phase.SUPERSEDED) else None


def newer_findings(
    desired: DesiredApp, live: LiveApp, commit: PipelineCommit | None, history: Sequence[Deployment]
) -> Iterator[Finding]:
    """What the app does not run yet though nothing of its spec differs: a push that failed, a newer commit."""
    if message := push_failure(live, history):
        hint = f"fix the cause and push again, or retry: reconcile redeploy {desired.name}"
        yield Finding(Severity.WARNING, FAILED_PUSH, message, hint, desired.locate("/name"))
    older = older_components(live, commit)
    if commit is not None and older:
        runs = ", ".join(f"{name} runs {source[:7]}" for name, source in sorted(older.items()))
        message = f"{runs}; this pipeline is for {commit.sha[:7]} of {commit.branch}"
        hint = f"`source_versions: latest` deploys it; by hand: reconcile redeploy {desired.name}"
        yield Finding(Severity.NOTICE, "newer-commit", message, hint, desired.locate("/name"))
