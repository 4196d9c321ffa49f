"""What is newer than what an app runs, though its spec is unchanged: a commit, or a push that failed. Pure.

Deployments carry the commit that each component was built from; app listings include that of the active deployment, and
when the app was last deployed. So both are seen without another request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.appspec.kinds import BUILT_KINDS, components
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Severity
from reconciler.live.models import Deployment, LiveApp, Phase
from reconciler.plan.platform import failing_step, own_rollback, own_rollbacks

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
