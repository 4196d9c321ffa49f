"""What happens to apps and their deployments: the sandbox's own rules, within one transaction.

`World.advance` lets everything happen that is due by now; all else is what requests ask for. Facts: the vendor's
API description of deployments and rollbacks; where it is silent, `settings.py` has a switch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.sandbox.http.refusal import conflict
from reconciler.sandbox.simulation import faults, schedules
from reconciler.sandbox.simulation.ciphers import make_id
from reconciler.sandbox.simulation.lifecycle import TERMINAL, components, has_builds, next_due, tier_of, timeline
from reconciler.sandbox.simulation.render import app_body
from reconciler.sandbox.simulation.store import App, Deployment, dumps

if TYPE_CHECKING:
    from reconciler.sandbox.settings import Settings
    from reconciler.sandbox.simulation.store import Tree, Tx

ROLLBACKS = ("MANUAL_ROLLBACK", "AUTO_ROLLBACK")
"""Types of deployments that bring an earlier one back."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a deployment is made: ``kind`` is ``cause_details.type``, ``action`` the name of the user's action."""

    kind: str = "MANUAL"
    text: str = "manual"
    action: str = ""
    cloned_from: str = ""
    builds: bool = True
    newest_sources: bool = True


@dataclass(slots=True)
class World:
    """The platform at one moment, as one user sees it."""

    tx: Tx
    now: float
    settings: Settings
    key: bytes
    user: dict[str, str]
    settled: set[str] = field(default_factory=set)

    def new_id(self, kind: str) -> tuple[int, str]:
        """A number and an id that nothing else has."""
        number = self.tx.next_number()
        return number, make_id(self.key, kind, number)

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        for app in self.tx.due_apps(self.now):
            self._advance(app)

    def _advance(self, app: App) -> None:
        while True:
            moving = {item.id: item for item in self.tx.moving_deployments(app.id)}
            due = [item for item in moving.values() if item.due_at is not None and item.due_at <= self.now]
            if not due:
                break
            deployment = min(due, key=lambda item: (item.due_at, item.seq))
            self._step(app, deployment)
        self.save(app)

    def _step(self, app: App, deployment: Deployment) -> None:
        """The next entry of a deployment's timeline happens."""
        phase, at = deployment.timeline[deployment.done]
        deployment.done += 1
        deployment.phase, deployment.phase_at = phase, at
        deployment.due_at = next_due(deployment)
        match phase:
            case "BUILDING":
                self._stop(app.in_progress, "SUPERSEDED", at)
                app.in_progress = deployment.id
                app.pending = "" if app.pending == deployment.id else app.pending
            case "ACTIVE":
                self._activated(app, deployment, at)
            case "ERROR":
                app.in_progress = "" if app.in_progress == deployment.id else app.in_progress
            case _:
                pass
        self.tx.save_deployment(deployment)
        if phase == "ERROR":
            self._failed(app, deployment)

    def _activated(self, app: App, deployment: Deployment, at: float) -> None:
        self.run_schedules(app, at)
        former = self.tx.deployment(app.active) if app.active else None
        if former:
            former.phase, former.phase_at, former.due_at = "SUPERSEDED", at, None
            self.tx.save_deployment(former)
        app.active = deployment.id
        app.in_progress = "" if app.in_progress == deployment.id else app.in_progress
        app.health, app.counts = {}, {}
        deployment.was_active, deployment.active_at = True, at

    def _failed(self, app: App, deployment: Deployment) -> None:
        active = self.tx.deployment(app.active) if app.active else None
        if active is None or deployment.kind in ROLLBACKS:
            return
        if self.settings.spec_reverts_on_failure:
            app.spec, app.updated_at = active.spec, deployment.phase_at
        if self.settings.auto_rollback_deployment and not app.pinned:
            cause = Cause("AUTO_ROLLBACK", "auto rollback", "", active.id, builds=False, newest_sources=False)
            self.deploy(app, active.spec, cause, at=deployment.phase_at)

    def _stop(self, deployment_id: str, phase: str, at: float) -> None:
        """Cut a deployment short."""
        deployment = self.tx.deployment(deployment_id) if deployment_id else None
        if deployment is None or deployment.phase in TERMINAL:
            return
        deployment.phase, deployment.phase_at, deployment.ended_at, deployment.due_at = phase, at, at, None
        self.tx.save_deployment(deployment)

    def save(self, app: App) -> None:
        """Keep an app, with the time its deployments next need attention."""
        due = [item.due_at for item in self.tx.moving_deployments(app.id) if item.due_at is not None]
        app.due_at = min(due, default=None)
        self.tx.save_app(app)
        if app.due_at is None:
            self.settled.add(app.id)
        else:
            self.settled.discard(app.id)

    def close(self) -> None:
        """Write down the answers of the apps that came to rest, so that a list of apps need not make them each time."""
        for app_id in self.settled:
            app = self.tx.app(app_id)
            if app is not None:
                self.tx.keep_body(app_id, app_body(self.tx, app, self.now))
        self.settled.clear()

    def require_unpinned(self, app: App) -> None:
        """Refuse what would make a deployment while the app is pinned.

        Raises:
            Refusal: 409.
        """
        if app.pinned:
            message = "app is pinned to a rollback deployment; commit or revert the rollback to resume deployments"
            raise conflict(message)

    def deploy(self, app: App, spec: Tree, cause: Cause, *, at: float | None = None) -> Deployment:
        """Make a deployment. One that is pending is superseded at once, one in progress as soon as this one starts."""
        now = self.now if at is None else at
        seq, deployment_id = self.new_id("deployment")
        latest = self.tx.deployments(app.id, limit=1)
        fate = faults.fate(self.tx, app, spec, rollback=cause.kind in ROLLBACKS)
        plan = timeline(now, self.settings.speed, builds=cause.builds and has_builds(spec), fate=fate)
        deployment = Deployment(
            seq=seq,
            id=deployment_id,
            app_id=app.id,
            kind=cause.kind,
            phase=plan[0][0],
            created_at=now,
            phase_at=now,
            spec=spec,
            cause=cause.text,
            action=cause.action,
            user=self.user,
            tier=tier_of(spec),
            timeline=plan,
            previous=app.active or (latest[0].id if latest else ""),
            cloned_from=cause.cloned_from,
            commits=self._commits(app, spec, latest[0] if latest else None, newest=cause.newest_sources),
            fate=fate,
        )
        deployment.due_at = next_due(deployment)
        self.tx.save_deployment(deployment)
        self._stop(app.pending, "SUPERSEDED", now)
        app.pending, app.last_deployment_at = deployment.id, now
        self.event(app, "DEPLOYMENT", {"deployment_id": deployment.id})
        self.save(app)
        return deployment

    def event(self, app: App, kind: str, doc: Tree) -> str:
        """Note that something happened to an app; the event's id."""
        seq, event_id = self.new_id("event")
        doc = {"created_at": self.now, **doc}
        self.tx.sql("INSERT INTO events VALUES (?, ?, ?, ?, ?)", seq, event_id, app.id, kind, dumps(doc))
        return event_id

    def invoke(self, app: App, job: Tree, trigger: Tree, result: str = "SUCCEEDED", at: float | None = None) -> str:
        """Let a job run; the invocation's id. ``at``: when it began, now if left out."""
        seq, invocation_id = self.new_id("invocation")
        began = self.now if at is None else at
        doc = {"created_at": began, "seconds": self.settings.speed.job, "result": result, "canceled_at": None}
        row = (seq, invocation_id, app.id, job["name"], app.active, dumps({**doc, "trigger": trigger}))
        self.tx.sql("INSERT INTO invocations VALUES (?, ?, ?, ?, ?, ?)", *row)
        return invocation_id

    def run_schedules(self, app: App, until: float) -> None:
        """Let the jobs of the active deployment run that were due up to a moment; the caller saves the app."""
        active = self.tx.deployment(app.active) if app.active else None
        if active is None:
            return
        after = max(app.schedules_at, active.active_at or 0.0)
        jobs = schedules.scheduled(active.spec)
        runs = [(at, job) for job in jobs for at in schedules.due(job, after, until)]
        for at, job in sorted(runs, key=lambda run: run[0]):
            self.invoke(app, job, {"type": "SCHEDULE", "scheduled": {"schedule": job["schedule"]}}, at=at)
        app.schedules_at = until

    def _commits(self, app: App, spec: Tree, latest: Deployment | None, *, newest: bool) -> dict[str, str]:
        """The commit each component is built from: kept where its source is as before, unless the newest is wanted."""
        before = {} if latest is None else {item["name"]: item for _, item in components(latest.spec)}
        out = {}
        for _, item in components(spec):
            name, source = item["name"], _source(item)
            kept = latest.commits.get(name) if latest else None
            if kept and not newest and _source(before.get(name, {})) == source:
                out[name] = kept
            elif source and "image" not in item:
                seed = f"{source}:{app.heads.get(name, 0)}"
                out[name] = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        return out

    def cancel(self, app: App, deployment: Deployment) -> Deployment:
        """Stop a deployment that has not ended.

        Raises:
            Refusal: 409 if it has.
        """
        if deployment.phase in TERMINAL:
            raise conflict(f"deployment cannot be canceled: it is {deployment.phase}")
        self._stop(deployment.id, "CANCELED", self.now)
        app.pending = "" if app.pending == deployment.id else app.pending
        app.in_progress = "" if app.in_progress == deployment.id else app.in_progress
        self.save(app)
        stopped = self.tx.deployment(deployment.id)
        assert stopped is not None
        return stopped


def _source(item: Tree) -> str:
    kind = next((name for name in ("git", "github", "gitlab", "bitbucket", "image") if item.get(name)), "")
    source = item.get(kind) or {}
    where = source.get("repo") or source.get("repo_clone_url") or source.get("repository") or ""
    return f"{kind}:{where}:{source.get('branch') or source.get('tag') or ''}" if kind else ""
