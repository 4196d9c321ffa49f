"""Publishes a run on GitHub: the comment on its pull requests, or the environment's drift issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.github.api import GitHub, GitHubError, number_of, text_of
from reconciler.github.comment import About, Fate, Remark, post
from reconciler.github.inputs import Mode, Switch
from reconciler.github.issue import Detection, Move, keep
from reconciler.github.ownership import key_of
from reconciler.github.previews import show_deployments
from reconciler.github.report import drifting, fingerprint, inert_lines

if TYPE_CHECKING:
    from reconciler.github.context import EventContext
    from reconciler.github.previews import Handled
    from reconciler.github.report import ActionRun, Result


async def publish(job: ActionRun, result: Result) -> None:
    """Write the comment or the issue, depending on mode and event; if GitHub refuses, warn."""
    comments, tracks = _comments(job), _tracks(job)
    if not job.context.repository or not (comments or tracks or result.preview):
        return
    if not job.inputs.github_token:
        job.warn("no GitHub token: not writing a comment or an issue")
        return
    try:
        async with job.context.github(job.inputs.github_token, job.clock, job.transport) as github:
            if result.preview:
                await _previews(github, job, result, result.preview)
            else:
                await (_comment(github, job, result) if comments else _track(github, job, result))
    except GitHubError as error:
        job.warn(error.message)


def _comments(job: ActionRun) -> bool:
    """Whether there can be a pull request that the run may comment on: a fork's own run has a read-only token."""
    context, inputs = job.context, job.inputs
    if inputs.comment is Switch.OFF or inputs.mode in (Mode.DRIFT, Mode.PREVIEW):
        return False
    if context.is_fork and context.event == "pull_request" and not inputs.token:
        return False
    if inputs.mode is Mode.APPLY:
        return bool(context.pulls or context.commits)
    return context.for_pull


def _tracks(job: ActionRun) -> bool:
    return job.inputs.issue is Switch.AUTO and job.inputs.mode is Mode.DRIFT and not job.context.for_pull


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


async def _previews(github: GitHub, job: ActionRun, result: Result, handled: Handled) -> None:
    """One comment on each pull request that the run was about, and the deployments of its previews."""
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


async def _track(github: GitHub, job: ActionRun, result: Result) -> None:
    drifted = drifting(result)
    if drifted is None:
        job.out("drift issue: not updated, because drift detection did not finish")
        return
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
        ),
    )
    if kept.warning:
        job.warn(kept.warning)
    elif kept.move is not Move.NOTHING:
        job.out(inert_lines(f"drift issue #{kept.number}: {kept.move} {kept.url}".rstrip()))


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
