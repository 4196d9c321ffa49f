"""What a run tells on GitHub: the comment on its pull requests, or the environment's drift issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.github.api import GitHub, GitHubError
from reconciler.github.comment import About, Fate, Remark, post
from reconciler.github.inputs import Mode, Switch
from reconciler.github.issue import Detection, Move, keep
from reconciler.github.pulls import concerned
from reconciler.github.report import drifting, fingerprint

if TYPE_CHECKING:
    from reconciler.github.job import Job
    from reconciler.github.report import Result


async def tell(job: Job, result: Result) -> None:
    """The comment or the issue, as mode and event ask for; what GitHub refuses is a warning."""
    comments, tracks = _comments(job), _tracks(job)
    if not job.context.repository or not (comments or tracks):
        return
    if not job.inputs.github_token:
        job.warn("no GitHub token: neither comment nor issue is written")
        return
    try:
        client = GitHub(
            job.inputs.github_token,
            clock=job.clock,
            api_url=job.context.api_url,
            graphql_url=job.context.graphql_url,
            transport=job.transport,
        )
        async with client as github:
            await (_comment(github, job, result) if comments else _track(github, job, result))
    except GitHubError as error:
        job.warn(error.message)


def _comments(job: Job) -> bool:
    """Whether there can be a pull request that the run may write to: a fork's own run has a token that only reads."""
    context, inputs = job.context, job.inputs
    if inputs.comment is Switch.OFF or inputs.mode is Mode.DRIFT:
        return False
    if context.is_fork and context.event == "pull_request" and not inputs.token:
        return False
    if inputs.mode is Mode.APPLY:
        return bool(context.pulls or context.commits)
    return context.for_pull


def _tracks(job: Job) -> bool:
    return job.inputs.issue is Switch.AUTO and job.inputs.mode is Mode.DRIFT and not job.context.for_pull


async def _comment(github: GitHub, job: Job, result: Result) -> None:
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
            worth_opening=applied or result.worth_telling,
        )
        posted = await post(github, remark)
        if posted.fate is Fate.FAILED:
            job.warn(posted.reason)
        else:
            job.out(f"comment on #{pull}: {posted.fate} {posted.reason or posted.url}".rstrip())


async def _track(github: GitHub, job: Job, result: Result) -> None:
    drifted = drifting(result)
    if drifted is None:
        job.out("drift issue: left as it is, the detection did not get to its end")
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
        job.out(f"drift issue #{kept.number}: {kept.move} {kept.url}".rstrip())
