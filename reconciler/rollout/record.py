"""The account of one rollout while it is written: deployments, phases, decisions, warnings; events as they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from reconciler.live.models import Deployment
from reconciler.plan.model import Plan
from reconciler.redaction import Redactor
from reconciler.rollout.model import (
    Decision,
    DeploymentRecord,
    Event,
    Failure,
    Outcome,
    PhaseSpan,
    RolloutRecord,
)
from reconciler.rollout.state import Role
from reconciler.rollout.step import (
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

OnEvent = Callable[[Event], None]


def describe(step: Step) -> str:  # noqa: C901, PLR0912  one line for each of the steps there are
    """A step in words, as people read it while it happens; empty for those that only pass the time."""
    match step:
        case Look():
            return "reading the app again before anything is written"
        case Write():
            return f"sending the {step.task.value}"
        case LookUp():
            return f"looking what became of the {step.write}"
        case Adopt():
            return f"following {_ROLES[step.role]} {step.deployment_id}"
        case Follow() | CheckHealth() | Probe() | Wait():
            return ""
        case FindSuccessor():
            return f"looking what superseded deployment {step.deployment_id}"
        case ReadBack():
            return "reading back what is active"
        case CollectFailure():
            return f"deployment {step.deployment_id} failed; reading why"
        case FindCandidates():
            return "looking for a deployment to go back to"
        case ValidateRollback():
            return f"validating a rollback to deployment {step.deployment_id}"
        case Rollback():
            return f"rolling back to deployment {step.deployment_id}"
        case CommitRollback():
            return "committing the rollback"
        case VerifyUnpinned():
            return "verifying that the app is not pinned any more"
        case RestoreSpec():
            return f"sending back the spec of deployment {step.deployment_id}"
        case Finish():
            return step.outcome.reason or step.outcome.kind.value
        case _:
            assert_never(step)


_ROLES = {
    Role.DEPLOY: "deployment",
    Role.FOLLOWED: "deployment, which is not of this run but carries the same spec,",
    Role.ROLLBACK: "the rollback's deployment",
    Role.RESTORE: "the restored spec's deployment",
}


class Recorder:
    """Gathers what happens to one app, with times in seconds since its rollout began."""

    def __init__(self, plan: Plan, now: Callable[[], float], run_began: float, on_event: OnEvent) -> None:
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

    def decided(self, step: Step) -> None:
        """The policy chose a step."""
        text = self._redact(describe(step))
        if not text or isinstance(step, Finish):
            return
        if not self._decisions or self._decisions[-1].reason != text:
            self._decisions.append(Decision(self.at, type(step).__name__, text))
            self._tell(text)

    def following(self, deployment_id: str, role: Role) -> None:
        """A deployment belongs to this rollout from now on."""
        self._leave()
        self._current = deployment_id
        self._deployments.setdefault(deployment_id, DeploymentRecord(deployment_id, role.value))
        self._shown = ("", 0, 0)

    def _leave(self) -> None:
        """The last phase of the deployment that was followed ends now."""
        known = self._deployments.get(self._current)
        if known is not None and known.phases:
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
            self._shown = (phase, done, total)
            words = phase.lower().replace("_", " ")
            self._tell(f"{words}, {done} of {total} steps" if total else words)

    def warn(self, text: str) -> None:
        """Something worth telling that stops nothing."""
        text = self._redact(text)
        if text not in self._warnings:
            self._warnings[text] = None
            self._tell(f"warning: {text}")

    def failed(self, failure: Failure) -> Failure:
        """What failed; the first failure is the one that is told."""
        told = replace(
            failure,
            message=self._redact(failure.message),
            log_lines=tuple(self._redact(line) for line in failure.log_lines),
        )
        self.failure = self.failure or told
        return told

    def finish(self, outcome: Outcome, *, app_id: str, requests: int, live_url: str) -> RolloutRecord:
        """The whole account."""
        self._leave()
        outcome = replace(outcome, reason=self._redact(outcome.reason))
        self._decisions.append(Decision(self.at, "Finish", outcome.reason or outcome.kind.value))
        phase = self._shown[0]
        text = outcome.reason or outcome.kind.value
        self._on_event(Event(self._since_run(), self.plan.app, text, phase, outcome=outcome.kind))
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
        )

    def _tell(self, text: str) -> None:
        phase, done, total = self._shown
        self._on_event(Event(self._since_run(), self.plan.app, text, phase, done, total))

    def _since_run(self) -> float:
        return round(self._now() - self._run_began, 3)
