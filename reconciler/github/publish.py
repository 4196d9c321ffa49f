"""Publishes a run on GitHub: the comment on its pull requests, or the environment's drift issue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from reconciler.github.api import GitHub, GitHubError, number_of, text_of
from reconciler.github.comment import About, Fate, Remark, post
from reconciler.github.inputs import Mode, Switch
from reconciler.github.issue import Detection, Move, keep
from reconciler.github.ownership import key_of
from reconciler.github.previews import show_deployments
from reconciler.github.report import drifting, fingerprint, inert_lines
from reconciler.notify.memory import Memory
from reconciler.plan.model import SyncStatus

if TYPE_CHECKING:
    from reconciler.github.context import EventContext
    from reconciler.github.report import ActionRun, Result


Part = Callable[[GitHub, "ActionRun", "Result"], Awaitable["Memory | None"]]


async def publish(job: ActionRun, result: Result) -> Memory:
    """Write the comment or the issue, the deployments and the check, depending on mode and event.

    Returns what of this run's news was said before. What cannot be written is a warning, and stops no other part.
    """
    memory = Memory(await _rollouts(job, result))
    parts = _parts(job, result)
    if not job.context.repository or not parts:
        return memory
    if not job.inputs.github_token:
        job.warn("no GitHub token: not writing a comment or an issue")
        return memory
    try:
        async with job.context.github(job.inputs.github_token, job.clock, job.transport) as github:
            for part in parts:
                try:
                    memory = await part(github, job, result) or memory
                except GitHubError as error:
                    job.warn(error.sentence)
                except Exception as error:  # noqa: BLE001  whatever it is, the run ended as it did
                    job.warn(f"internal error: {type(error).__name__}, so something is missing on GitHub")
    except GitHubError as error:
        job.warn(error.message)
    return memory


def _parts(job: ActionRun, result: Result) -> list[Part]:
    """What is to be written. A fork's own run has a token that only reads."""
    parts: list[Part] = [_check] if job.inputs.check_run and _checks(job) else []
    if result.preview:
        return [*parts, _previews]
    return [*parts, *([_comment] if _comments(job) else [_track] if _tracks(job) else [])]


def _checks(job: ActionRun) -> bool:
    return job.inputs.mode in (Mode.PLAN, Mode.DRIFT) and bool(job.context.head_sha) and not _only_reads(job)


def _only_reads(job: ActionRun) -> bool:
    return job.context.is_fork and job.context.event == "pull_request" and not job.inputs.token


async def _rollouts(job: ActionRun, result: Result) -> frozenset[str] | None:
    """The deployments of an apply, see `RolloutDeployments.finish`; None without any."""
    if result.deployments is None:
        return None
    found = result.bulletin.since if result.bulletin else {}
    said = await result.deployments.finish(result.rollout, found)
    if result.deployments.problem:
        job.warn(result.deployments.problem)
    known = result.bulletin.settled & result.deployments.left_out if result.bulletin else frozenset()
    return None if said is None else said | known


def _comments(job: ActionRun) -> bool:
    """Whether there can be a pull request that the run may comment on: a fork's own run has a read-only token."""
    context, inputs = job.context, job.inputs
    if inputs.comment is Switch.OFF or inputs.mode in (Mode.DRIFT, Mode.PREVIEW):
        return False
    if _only_reads(job):
        return False
    if inputs.mode is Mode.APPLY:
        return bool(context.pulls or context.commits)
    return context.for_pull


def _tracks(job: ActionRun) -> bool:
    return job.inputs.issue is Switch.AUTO and job.inputs.mode is Mode.DRIFT and not job.context.is_unmerged


async def _comment(github: GitHub, job: ActionRun, result: Result) -> None:
    context = job.context
    applied = job.inputs.mode is Mode.APPLY
    for pull in await concerned(github, context):
        remark = Remark(
            repository=context.repository,
            pull=pull,
            key=job.key,
            commit=context.head_sha,
            about=About.OUTCOME if applied else About.PLAN,
            run=context.run,
            render=job.report(result),
            worth_opening=applied or result.is_noteworthy,
        )
        posted = await post(github, remark)
        if posted.fate is Fate.FAILED:
            job.warn(posted.reason)
        else:
            job.out(inert_lines(f"comment on #{pull}: {posted.fate} {posted.reason or posted.url}".rstrip()))


async def _check(github: GitHub, job: ActionRun, result: Result) -> None:
    from reconciler.github.checks import check

    await check(github, job, result)


async def _previews(github: GitHub, job: ActionRun, result: Result) -> None:
    """One comment on each pull request that the run was about, and the deployments of its previews."""
    handled = result.preview
    assert handled is not None
    await show_deployments(github, job.context.repository, handled, job.context.run_url)
    if job.inputs.comment is Switch.OFF:
        return
    gone = [one for one in handled.done.states if one.state == "gone"]
    commits = {one.pull: one.commit for one in gone} | ({handled.pull: handled.commit} if handled.pull else {})
    for pull, commit in commits.items():
        remark = Remark(
            repository=job.context.repository,
            pull=pull,
            key=key_of("preview", job.key),
            commit=commit,
            about=About.OUTCOME,
            run=job.context.run,
            render=job.report(result),
            worth_opening=bool(handled.done.states),
        )
        posted = await post(github, remark)
        if posted.fate is Fate.FAILED:
            job.warn(posted.reason)
        else:
            job.out(inert_lines(f"comment on #{pull}: {posted.fate} {posted.reason or posted.url}".rstrip()))


async def _track(github: GitHub, job: ActionRun, result: Result) -> Memory:
    """Keep the drift issue; what it says is what messages were sent about."""
    drifted = drifting(result)
    if drifted is None:
        job.out("drift issue: not updated, because drift detection did not finish")
        return Memory(begun=frozenset())
    plans = result.plan.plans if result.plan else ()
    kept = await keep(
        github,
        Detection(
            repository=job.context.repository,
            key=job.key,
            name=job.inputs.environment,
            fingerprint=fingerprint(drifted),
            render=job.report(result),
            at=job.clock.now(),
            run_url=job.context.run_url,
            after=job.inputs.drift_after,
            apps=frozenset(one.app for one in result.bulletin.news) if result.bulletin else frozenset(),
            in_sync=frozenset(plan.app for plan in plans if plan.status is SyncStatus.IN_SYNC),
            still=frozenset(plan.app for plan in plans if plan.status is not SyncStatus.IN_SYNC),
        ),
    )
    if kept.warning:
        job.warn(kept.warning)
        return Memory()  # better twice than never
    if kept.move is not Move.NOTHING:
        job.out(inert_lines(f"drift issue #{kept.number}: {kept.move} {kept.url}".rstrip()))
    return Memory(begun=kept.begun, ended=kept.ended)


# --- The pull requests that a run comments on ---


_MOST = 10


async def concerned(github: GitHub, context: EventContext) -> tuple[int, ...]:
    """Numbers of the pull requests, oldest first; ten at most.

    Those that the event names; of a ``workflow_run`` the open one whose head is the run's commit (the payload names
    none when it comes from a fork, and an artifact of the fork is untrusted); of a push those that its
    commits were merged by. A merge queue's trial is about a commit that is no pull request's head: none.

    Raises:
        GitHubError: GitHub could not be reached.
    """
    if context.event == "merge_group":
        return ()
    if context.pulls:
        return context.pulls[:_MOST]
    if context.event == "workflow_run" and context.head_label:
        return await _by_head(github, context)
    return await _merged(github, context)


async def _by_head(github: GitHub, context: EventContext) -> tuple[int, ...]:
    path = f"/repos/{context.repository}/pulls"
    found = [
        number_of(pull, "number")
        async for pull in github.pages(path, state="open", head=context.head_label)
        if text_of(pull, "head", "sha") == context.head_sha
    ]
    return tuple(sorted(found))[:_MOST]


async def _merged(github: GitHub, context: EventContext) -> tuple[int, ...]:
    branch = context.ref.removeprefix("refs/heads/")
    found: set[int] = set()
    for commit in context.commits:
        async for pull in github.pages(f"/repos/{context.repository}/commits/{commit}/pulls"):
            if text_of(pull, "merged_at") and text_of(pull, "base", "ref") == branch:
                found.add(number_of(pull, "number"))
    return tuple(sorted(found))[:_MOST]
