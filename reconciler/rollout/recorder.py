"""The account of one rollout while it is written: deployments, phases, decisions, warnings; events as they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from reconciler.live.models import Deployment, Phase
from reconciler.plan.model import Plan
from reconciler.redaction import Redactor
from reconciler.rollout.health import judge
from reconciler.rollout.model import (
    Decision,
    DeploymentRecord,
    Event,
    EventKind,
    Failure,
    Outcome,
    PhaseSpan,
    Role,
    RolloutRecord,
    Task,
)
from reconciler.rollout.state import ActiveState, RolloutState, Sent, TrackedDeployment, WriteStatus
from reconciler.rollout.steps import (
    Adopt,
    CheckHealth,
    CollectFailure,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    Look,
    LookUp,
    Probe,
    ReadBack,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
    Wait,
    Write,
)


class Recorder:
    """Gathers what happens to one app, with times in seconds since its rollout began."""

    def __init__(
        self, plan: Plan, now: Callable[[], float], run_began: float, on_event: Callable[[Event], None]
    ) -> None:
        self.plan = plan
        self.failure: Failure | None = None
        self._now = now
        self._began = now()
        self._run_began = run_began
        self._on_event = on_event
        self._decisions: list[Decision] = []
        self._deployments: dict[str, DeploymentRecord] = {}
        self._current = ""
        self._warnings: dict[str, None] = {}
        self._shown: tuple[str, int, int] = ("", 0, 0)
        self._redact = Redactor()

    def keep_secret(self, secrets: frozenset[str]) -> None:
        """Values that must not reach the account, whoever wrote them."""
        self._redact = Redactor(secrets)

    @property
    def at(self) -> float:
        """Seconds since this rollout began."""
        return round(self._now() - self._began, 3)

    def decided(self, step: Step, state: RolloutState) -> None:
        """The policy chose a step."""
        if isinstance(step, Wait):
            self._report(self._redact(step.why), "progress", passing=True)
        what, reason = self._redact(describe(step)), self._redact(why(state, step))
        if not what or isinstance(step, Finish):
            return
        before = next(((one.what, one.reason) for one in self._decisions[-1:]), ("", ""))
        if before != (what, reason):
            self._decisions.append(Decision(self.at, type(step).__name__, what, reason))
            self._report(what if what != before[0] else reason)

    def following(self, deployment_id: str, role: Role) -> None:
        """A deployment belongs to this rollout from now on."""
        self._leave()
        self._current = deployment_id
        self._deployments.setdefault(deployment_id, DeploymentRecord(deployment_id, role.value))
        self._shown = ("", 0, 0)

    def _leave(self) -> None:
        """The last phase of the deployment that was followed ends now."""
        if (known := self._deployments.get(self._current)) and known.phases:
            spans = (*known.phases[:-1], replace(known.phases[-1], ended=self.at))
            self._deployments[self._current] = replace(known, phases=spans)

    def saw(self, deployment: Deployment) -> None:
        """A deployment was read: a change of its phase or of its steps is an event."""
        self._leave()
        known = self._deployments[self._current]
        phase, at = deployment.phase.value, self.at
        if not known.phases or known.phases[-1].phase != phase:
            self._deployments[self._current] = replace(known, phases=(*known.phases, PhaseSpan(phase, at, at)))
        progress = deployment.progress
        done, total = (progress.success_steps or 0, progress.total_steps or 0) if progress else (0, 0)
        if (phase, done, total) != self._shown:
            kind: EventKind = "progress" if phase == self._shown[0] else "phase"
            self._shown = (phase, done, total)
            words = phase.lower().replace("_", " ")
            self._report(f"{words}, {done} of {total} steps" if total else words, kind)

    def warn(self, text: str) -> None:
        """Something worth knowing that stops nothing."""
        text = self._redact(text)
        if text not in self._warnings:
            self._warnings[text] = None
            self._report(f"warning: {text}", "warning")

    def failed(self, failure: Failure) -> Failure:
        """What failed; only the first failure is reported."""
        lines = tuple(map(self._redact, failure.log_lines))
        redacted = replace(failure, message=self._redact(failure.message), log_lines=lines)
        self.failure = self.failure or redacted
        return redacted

    def finish(self, outcome: Outcome, *, app_id: str, requests: int, live_url: str, wave: int = 0) -> RolloutRecord:
        """The whole account."""
        self._leave()
        outcome = replace(outcome, reason=self._redact(outcome.reason))
        self._decisions.append(Decision(self.at, "Finish", outcome.kind.value.replace("_", " "), outcome.reason))
        text = outcome.reason or outcome.kind.value
        at, phase = self._since_run(), self._shown[0]
        self._on_event(Event(at, self.plan.app, text, phase, outcome=outcome.kind, kind="outcome"))
        return RolloutRecord(
            app=self.plan.app,
            action=self.plan.action,
            outcome=outcome,
            app_id=app_id,
            deployments=tuple(self._deployments.values()),
            decisions=tuple(self._decisions),
            failure=self.failure,
            warnings=tuple(self._warnings),
            requests=requests,
            seconds=self.at,
            cost=self.plan.cost,
            live_url=live_url,
            wave=wave,
            deployment_id=self._current,
            phase=self._shown[0],
        )

    def _report(self, text: str, kind: EventKind = "decision", *, passing: bool = False) -> None:
        phase, done, total = self._shown
        self._on_event(Event(self._since_run(), self.plan.app, text, phase, done, total, passing=passing, kind=kind))

    def _since_run(self) -> float:
        return round(self._now() - self._run_began, 3)


# --- What a step does and why the policy asks for it, in words. Pure text over the policy's own state ---


_NOTHING_OF_IT = "there is no trace of the previous attempt"


def describe(step: Step) -> str:  # noqa: C901, PLR0912  one line for each of the steps there are
    """A step in words, as people read it while it happens; empty for those that only pass the time."""
    match step:
        case Look():
            return "reading the app again before anything is written"
        case Write():
            return f"sending the {step.task.value}"
        case LookUp():
            return f"checking whether the {step.write} took effect"
        case Adopt():
            return f"following {_ROLES[step.role].format(step.deployment_id)}"
        case Follow() | CheckHealth() | Probe() | Wait():
            return ""
        case FindSuccessor():
            return f"finding what took over from deployment {step.deployment_id}"
        case ReadBack():
            return "reading back what is active"
        case CollectFailure():
            return f"reading why deployment {step.deployment_id} failed"
        case FindCandidates():
            return "looking for a deployment to roll back to"
        case ValidateRollback():
            return f"validating a rollback to deployment {step.deployment_id}"
        case Rollback():
            return f"rolling back to deployment {step.deployment_id}"
        case CommitRollback():
            return "committing the rollback"
        case VerifyUnpinned():
            return "verifying that the app is unpinned"
        case RestoreSpec():
            return f"sending the spec of deployment {step.deployment_id} again"
        case Finish():
            return step.outcome.reason or step.outcome.kind.value
        case _:
            assert_never(step)


_ROLES = {
    Role.DEPLOY: "deployment {}",
    Role.FOLLOWED: "deployment {}, not of this run, with the same spec",
    Role.ROLLBACK: "the rollback's deployment {}",
    Role.RESTORE: "the restored spec's deployment {}",
    Role.PLATFORM: "deployment {}, the platform's own rollback",
    Role.SERVING: "deployment {}, which served before",
}


def why(state: RolloutState, step: Step) -> str:
    """What in the state asks for a step that is worth knowing; empty for those that only pass the time."""
    match step:
        case Finish() | Follow() | CheckHealth() | Probe() | Wait():
            return ""
        case Write() | Rollback() | RestoreSpec() | CommitRollback():
            return _why_write(state, step)
        case _ if state.tries:
            return f"the last attempt failed: {state.why}"
        case LookUp():
            return _why_look_up({"rollback": state.undo, "restore": state.restore}.get(step.write, state.write))
        case Adopt():
            return _why_adopt(state, step)
        case CollectFailure() | FindCandidates() | ValidateRollback():
            return _why_prepare(state, step)
        case Look() | FindSuccessor() | ReadBack() | VerifyUnpinned():
            return _why_read(state, step)
        case _:
            assert_never(step)


def _why_write(state: RolloutState, step: Write | Rollback | RestoreSpec | CommitRollback) -> str:
    match step:
        case Write():
            planned = "there is no such app yet" if step.task is Task.CREATE else "the app is as it was planned"
            planned = f"{state.fault}: a fault of the platform" if state.fault else planned
            return _NOTHING_OF_IT if state.write.sends else planned
        case Rollback():
            valid = "the platform says that the app can be rolled back to it"
            return _NOTHING_OF_IT if state.undo.status is Sent.LOST else valid
        case RestoreSpec():
            codes = ", ".join(dict.fromkeys(state.rejected))
            impossible = f"no rollback is possible: {codes}" if codes else "the commit did not make it the app's spec"
            return _NOTHING_OF_IT if state.restore.sends else impossible
        case CommitRollback():
            return "the app is still pinned" if state.commit.sends else _health(state, state.back)
        case _:
            assert_never(step)


def _why_look_up(sending: WriteStatus) -> str:
    if sending.status is Sent.ACCEPTED:
        return "the answer names no deployment"
    return sending.why if sending.status is Sent.REFUSED else f"the answer was lost: {sending.why}"


def _why_adopt(state: RolloutState, step: Adopt) -> str:
    match step.role:
        case Role.DEPLOY | Role.RESTORE:
            return "it is what was sent"
        case Role.ROLLBACK:
            return "it is what was sent" if state.undo.sends else state.goal.reason or "an earlier run began it"
        case Role.FOLLOWED if state.leg is None:
            return state.goal.reason or "it was already in progress"
        case Role.FOLLOWED:
            return "the same spec was deployed again since"
        case Role.PLATFORM:
            return state.fault or state.goal.reason or "it pins the app"
        case Role.SERVING:
            return "the platform's own rollback failed, and this deployment still serves"
        case _:
            assert_never(step.role)


def _why_prepare(state: RolloutState, step: CollectFailure | FindCandidates | ValidateRollback) -> str:
    match step:
        case CollectFailure():
            return _health(state, state.back or state.leg)
        case FindCandidates() if state.options is not None:
            return "the platform may roll back by itself; waiting for it"
        case FindCandidates() if state.undo.sends:
            return "the app was changed right before the rollback"
        case FindCandidates():
            return state.fault or "a rollback was requested"
        case ValidateRollback() if state.rejected:
            return f"the previous candidate cannot be rolled back to: {state.rejected[-1]}"
        case ValidateRollback() if state.goal.task is Task.ROLL_BACK and state.goal.follow_id:
            return "it was requested"
        case ValidateRollback():
            serving = state.options is not None and state.options.serving
            return "it still serves" if serving else "it was the last good one"
        case _:
            assert_never(step)


def _why_read(state: RolloutState, step: Look | FindSuccessor | ReadBack | VerifyUnpinned) -> str:
    match step:
        case Look() if state.sight is not None:
            return "the platform is rolling back by itself; sending now would supersede that"
        case Look():
            return "a change since the plan is not overwritten"
        case FindSuccessor():
            leg = state.back or state.leg
            ended = leg is not None and leg.phase in (Phase.SUPERSEDED, Phase.CANCELED)
            return f"it was {leg.phase.value.lower()}" if leg and ended else "another deployment is taking over"
        case ReadBack():
            before = state.standing is ActiveState.BEFORE
            return "the app still shows what was active before" if before else _health(state, state.back or state.leg)
        case VerifyUnpinned():
            lost = state.commit.status is Sent.LOST
            return "the answer to the commit was lost" if lost else "the commit was sent"
        case _:
            assert_never(step)


def _health(state: RolloutState, leg: TrackedDeployment | None) -> str:
    """What is known of a deployment's health, or the phase that decides before any health does."""
    if leg is None or leg.phase is not Phase.ACTIVE:
        return f"its phase is {leg.phase.value}" if leg else ""
    rules = state.goal.rules if state.back is None else state.goal.rules.going_back()
    return judge(leg.evidence, rules, leg.components).reason
