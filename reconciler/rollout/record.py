"""The account of one rollout while it is written: deployments, phases, decisions, warnings; events as they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
from reconciler.rollout.reasons import describe, why
from reconciler.rollout.state import Role, RolloutState
from reconciler.rollout.step import Finish, Step, Wait

OnEvent = Callable[[Event], None]


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

    def decided(self, step: Step, state: RolloutState) -> None:
        """The policy chose a step."""
        if isinstance(step, Wait):
            self._tell(self._redact(step.why), passing=True)
        what = self._redact(describe(step))
        if not what or isinstance(step, Finish):
            return
        if not self._decisions or self._decisions[-1].what != what:
            self._decisions.append(Decision(self.at, type(step).__name__, what, self._redact(why(state, step))))
            self._tell(what)

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
        self._decisions.append(Decision(self.at, "Finish", outcome.kind.value.replace("_", " "), outcome.reason))
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

    def _tell(self, text: str, *, passing: bool = False) -> None:
        phase, done, total = self._shown
        self._on_event(Event(self._since_run(), self.plan.app, text, phase, done, total, passing=passing))

    def _since_run(self) -> float:
        return round(self._now() - self._run_began, 3)
