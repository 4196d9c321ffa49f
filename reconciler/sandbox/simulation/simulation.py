"""The rules of the simulated platform: what happens to apps and their deployments, within one transaction.

`Platform.advance` applies everything that is due; all else is done by requests. Source: the vendor's API description of
deployments and rollbacks; where it is silent, `settings.py` has a switch.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import components
from reconciler.sandbox.settings import Settings, changed
from reconciler.sandbox.simulation import faults, running
from reconciler.sandbox.simulation.lifecycle import TERMINAL, began, has_builds, next_due, tier_of, timeline
from reconciler.sandbox.simulation.render import app_body
from reconciler.sandbox.simulation.store import App, Deployment, dumps, make_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.sandbox.simulation.store import Store, Tree, Tx

_SHOWN_KINDS = {"present": None, "absent": "", "unknown": "PLATFORM_RESTORE"}
"""The type that answers show for the platform's own rollback; None: its own."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a deployment is created: ``kind`` is ``cause_details.type``, ``action`` the name of the user's action.

    ``previous``: the deployment it follows, by default the active one.
    """

    kind: str = "MANUAL"
    text: str = "manual"
    action: str = ""
    cloned_from: str = ""
    previous: str = ""
    builds: bool = True
    newest_sources: bool = True


@dataclass(slots=True)
class Platform:
    """The platform at one moment, within a transaction, for one user."""

    tx: Tx
    now: float
    settings: Settings
    key: bytes
    user: dict[str, str]
    settled: set[str] = field(default_factory=set)

    def new_id(self, kind: str) -> tuple[int, str]:
        """A unique number, and a unique id."""
        number = self.tx.next_number()
        return number, make_id(self.key, kind, number)

    def advance(self) -> None:
        """Apply everything that is due by now."""
        for app in self.tx.due_apps(self.now):
            self._advance(app)

    def _advance(self, app: App) -> None:
        while True:
            moving = [item for item in self.tx.moving_deployments(app.id) if item.due_at is not None]
            first = min(moving, key=lambda item: (item.due_at, item.seq), default=None)
            at = self.now + 1 if first is None or first.due_at is None else first.due_at
            if app.restore_at is not None and app.restore_at <= min(at, self.now):
                self._restore(app, app.restore_at)
            elif first is not None and at <= self.now:
                self._step(app, first)
            else:
                break
        self.save(app)

    def _step(self, app: App, deployment: Deployment) -> None:
        """Apply the next entry of a deployment's timeline."""
        phase, at = deployment.timeline[deployment.done]
        deployment.done += 1
        deployment.phase, deployment.phase_at = phase, at
        deployment.due_at = next_due(deployment)
        match phase:
            case "BUILDING":
                self._replace(app.in_progress, at)
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
        former = self.tx.deployment(app.active)
        if former:
            former.phase, former.phase_at, former.due_at = "SUPERSEDED", at, None
            self.tx.save_deployment(former)
        app.active = deployment.id
        app.in_progress = "" if app.in_progress == deployment.id else app.in_progress
        app.health, app.counts = {}, {}
        deployment.was_active, deployment.active_at = True, at

    def _failed(self, app: App, deployment: Deployment) -> None:
        """Plan what the platform does about a deployment that failed in its deploy phase."""
        active = self.tx.deployment(app.active)
        if active is None or deployment.kind in faults.ROLLBACKS or began(deployment, "DEPLOYING") is None:
            return
        if self.settings.spec_reverts_on_failure:
            app.spec, app.updated_at = active.spec, deployment.phase_at
        if self.settings.auto_rollback_deployment:
            app.restore_at, app.undoes = deployment.phase_at + self.settings.speed.auto_rollback, deployment.id

    def _restore(self, app: App, at: float) -> None:
        """Deploy what is active once more, as the platform's own rollback, unless a user acted first."""
        failed, settings = app.undoes, self.settings
        app.restore_at, app.undoes = None, ""
        active, (latest,) = self.tx.deployment(app.active), self.tx.deployments(app.id, limit=1)
        if active is None or app.pinned or (latest.id != failed and not settings.auto_rollback_supersedes):
            return
        text = f'automated rollback after failed deployment of "{failed}"' if settings.auto_rollback_cause else ""
        cause = Cause("AUTO_ROLLBACK", text, builds=False, newest_sources=False)
        if settings.auto_rollback_lineage:
            cause = replace(cause, cloned_from=active.id, previous=failed)
        made = self.deploy(app, active.spec, cause, at=at)
        made.commits, made.shown_kind = active.commits, _SHOWN_KINDS[settings.auto_rollback_type]
        self.tx.save_deployment(made)
        if settings.auto_rollback_pins:
            app.pinned, app.before_rollback = made.id, app.spec
        if settings.auto_rollback_spec == "reverts":
            app.spec, app.updated_at = active.spec, at

    def _replace(self, deployment_id: str, at: float) -> None:
        """End a deployment that a newer one replaces."""
        phase = self.settings.replaced_phase
        if phase == "drawn":
            phase = "CANCELED" if int(make_id(self.key, "replaced", deployment_id)[0], 16) % 2 else "SUPERSEDED"
        self._stop(deployment_id, phase, at)

    def _stop(self, deployment_id: str, phase: str, at: float) -> None:
        """End a deployment early."""
        deployment = self.tx.deployment(deployment_id)
        if deployment is None or deployment.phase in TERMINAL:
            return
        deployment.phase, deployment.phase_at, deployment.ended_at, deployment.due_at = phase, at, at, None
        self.tx.save_deployment(deployment)

    def save(self, app: App) -> None:
        """Store an app, with the time at which its deployments next change."""
        due = [item.due_at for item in self.tx.moving_deployments(app.id) if item.due_at is not None]
        due += [] if app.restore_at is None else [app.restore_at]
        app.due_at = min(due, default=None)
        self.tx.save_app(app)
        (self.settled.add if app.due_at is None else self.settled.discard)(app.id)

    def close(self) -> None:
        """Cache the responses of apps with nothing ahead of them, so that a listing need not render them again."""
        for app_id in self.settled:
            app = self.tx.app(app_id)
            if app is not None:
                self.tx.keep_body(app_id, app_body(self.tx, app, self.now))
        self.settled.clear()

    def deploy(self, app: App, spec: Tree, cause: Cause, *, at: float | None = None) -> Deployment:
        """Create a deployment. It supersedes a pending one at once, and one in progress when it starts to build."""
        now = self.now if at is None else at
        seq, deployment_id = self.new_id("deployment")
        latest = self.tx.deployments(app.id, limit=1)
        fate = faults.fate(self.tx, app, spec, cause.kind)
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
            previous=cause.previous or app.active or (latest[0].id if latest else ""),
            cloned_from=cause.cloned_from,
            commits=self._commits(app, spec, latest[0] if latest else None, newest=cause.newest_sources),
            fate=fate,
            reuses_builds=not cause.builds,
        )
        deployment.due_at = next_due(deployment)
        self.tx.save_deployment(deployment)
        self._replace(app.pending, now)
        app.pending, app.last_deployment_at = deployment.id, now
        self.event(app, "DEPLOYMENT", {"deployment_id": deployment.id})
        self.save(app)
        return deployment

    def push(self, app: App, pushed: list[Tree]) -> Deployment | None:
        """Add a commit to these components' sources; return the deployment it starts, if any deploys on push."""
        for item in pushed:
            app.heads[item["name"]] = app.heads.get(item["name"], 0) + 1
        deploying = [item for item in pushed if running.deploys_on_push(item)]
        if not deploying or app.pinned:
            self.save(app)
            return None
        made = self.deploy(app, app.spec, Cause("DEPLOY_ON_PUSH"))
        made.cause = running.pushed_text(deploying[0], made.commits.get(deploying[0]["name"], ""))
        self.tx.save_deployment(made)
        return made

    def event(self, app: App, kind: str, doc: Tree) -> str:
        """Record an event of an app; return its id."""
        seq, event_id = self.new_id("event")
        doc = {"created_at": self.now, **doc}
        self.tx.sql("INSERT INTO events VALUES (?, ?, ?, ?, ?)", seq, event_id, app.id, kind, dumps(doc))
        return event_id

    def invoke(self, app: App, job: Tree, trigger: Tree, result: str = "SUCCEEDED", at: float | None = None) -> str:
        """Run a job; return the invocation's id. ``at``: when it began, by default now."""
        seq, invocation_id = self.new_id("invocation")
        began = self.now if at is None else at
        doc = {"created_at": began, "seconds": self.settings.speed.job, "result": result, "canceled_at": None}
        row = (seq, invocation_id, app.id, job["name"], app.active, dumps({**doc, "trigger": trigger}))
        self.tx.sql("INSERT INTO invocations VALUES (?, ?, ?, ?, ?, ?)", *row)
        return invocation_id

    def run_schedules(self, app: App, until: float) -> None:
        """Run the active deployment's jobs that were due up to a moment; the caller saves the app."""
        active = self.tx.deployment(app.active)
        if active is None:
            return
        after = max(app.schedules_at, active.active_at or 0.0)
        runs = [(at, job) for job in running.scheduled(active.spec) for at in running.due(job, after, until)]
        for at, job in sorted(runs, key=lambda run: run[0]):
            self.invoke(app, job, {"type": "SCHEDULE", "scheduled": {"schedule": job["schedule"]}}, at=at)
        app.schedules_at = until

    def _commits(self, app: App, spec: Tree, latest: Deployment | None, *, newest: bool) -> dict[str, str]:
        """The commit of each component: the previous one while its source is unchanged, unless the newest is wanted."""
        before = {} if latest is None else {item["name"]: item for _, item in components(latest.spec)}
        out = {}
        for _, item in components(spec):
            name, source = item["name"], running.source_of(item)
            kept = latest.commits.get(name) if latest else None
            if kept and not newest and running.source_of(before.get(name, {})) == source:
                out[name] = kept
            elif source and "image" not in item:
                seed = f"{source}:{app.heads.get(name, 0)}"
                out[name] = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        return out

    def cancel(self, app: App, deployment: Deployment) -> Deployment:
        """Cancel a deployment that has not ended."""
        self._stop(deployment.id, "CANCELED", self.now)
        app.pending = "" if app.pending == deployment.id else app.pending
        app.in_progress = "" if app.in_progress == deployment.id else app.in_progress
        self.save(app)
        stopped = self.tx.deployment(deployment.id)
        assert stopped is not None
        return stopped


class Simulation:
    """The simulated platform: a store and a clock (``now``: seconds since 1970)."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self.store = store
        self._clock = now
        self._known: tuple[str, Settings] = ("", Settings())

    def at(self, tx: Tx, user: dict[str, str] | None = None) -> Platform:
        """The platform now, within a transaction, for a user."""
        meta = dict(tx.sql("SELECT key, value FROM meta"))
        text = meta.get("settings", "")
        if text != self._known[0]:
            self._known = (text, changed(Settings(), json.loads(text)))
        settings = self._known[1]
        now = self._clock() + float(meta.get("offset", "0"))
        key = bytes.fromhex(meta["key"]) if settings.seed is None else f"seed:{settings.seed}".encode()
        return Platform(tx, now, settings, key, user or running.user_of("sandbox"))

    @contextmanager
    def changing(self, user: dict[str, str] | None = None) -> Iterator[Platform]:
        """The platform now, for writing, after applying everything that is due."""
        with self.store.write() as tx:
            platform = self.at(tx, user)
            platform.advance()
            yield platform
            platform.close()

    @contextmanager
    def reading(self) -> Iterator[Platform]:
        """The platform now, for reading, after applying everything that is due."""
        with self.store.read() as tx:
            due = tx.anything_due(self.at(tx).now)
        if due:
            with self.changing():
                pass
        with self.store.read() as tx:
            yield self.at(tx)

    def settings(self) -> Settings:
        """The current settings."""
        with self.store.read() as tx:
            return self.at(tx).settings
