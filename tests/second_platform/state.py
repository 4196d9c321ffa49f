"""The fake platform's state: apps and their deployments on virtual time, and what happens to them.

Everything that happens is an event of the log: ``"update ERROR"`` (a deployment of that origin has that phase),
``"before commit"`` and ``"after commit"`` (a request of the run under test). Whatever a scenario wants to happen
hangs on such an event (`Platform.when`) or on time (`Platform.later`).
"""

from __future__ import annotations

import copy
import heapq
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.second_platform.model import (
    App,
    Deployment,
    Fate,
    OwnRollback,
    Running,
    Spec,
    Switches,
    Tamper,
    at,
    meant,
    version_of,
)
from tests.second_platform.specs import check, edit, stored

Act = Callable[[], None]

PIPELINE = {"uuid": "0c6d1d9a-54a8-4c39-9a4b-6f8a7b4b0f01", "email": "ci@example.com", "full_name": "Pipeline"}
PERSON = {"uuid": "7f2c3f0c-2f49-4f0c-8a5c-1c2e7e9c0f02", "email": "ann@example.com", "full_name": "Ann Example"}


class Pinned(Exception):
    """Nothing is deployed while the app is pinned to a rollback."""


class Invalid(Exception):
    """A rollback that is not possible: code and message."""


@dataclass
class Setup:
    """How a platform behaves; everything that a scenario may choose about its state."""

    switches: Switches = field(default_factory=Switches)
    fates: tuple[Fate, ...] = ()
    running: tuple[Running, ...] = ()
    own: OwnRollback = field(default_factory=OwnRollback)
    tampers: tuple[Tamper, ...] = ()


@dataclass
class _Watch:
    event: str
    act: Act
    delay: float
    left: int = 1


class Platform:
    """One account. ``now`` gives seconds since 1970; nothing sleeps: what is due happens when the next request comes.

    ``began``: when the first run did, if anybody sets it.
    """

    def __init__(self, now: Callable[[], float], setup: Setup | None = None) -> None:
        self.setup = setup or Setup()
        self.apps: dict[str, App] = {}
        self.log: list[tuple[float, str]] = []
        self.time = self.began = now()
        self._now = now
        self._due: list[tuple[float, int, Act]] = []
        self._numbers = itertools.count()
        self._ids = itertools.count(1)
        self._watches: list[_Watch] = []
        self._used: dict[int, int] = {}
        self._snapshots: list[tuple[float, dict[str, App]]] = []
        self._own_left = self.setup.own.times
        if self.setup.own.after:
            self.when(self.setup.own.after, self._own_rollback, self.setup.own.delay or 0.0)

    # ---- time and events

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            self.time, _, act = heapq.heappop(self._due)
            act()
        self.time = now

    def later(self, delay: float, act: Act) -> None:
        """Let something happen in so many seconds."""
        heapq.heappush(self._due, (self.time + delay, next(self._numbers), act))

    def when(self, event: str, act: Act, delay: float = 0.0, times: int = 1) -> None:
        """Let something happen so many seconds after an event, each of the first ``times`` times."""
        self._watches.append(_Watch(event, act, delay, times))

    def emit(self, event: str) -> None:
        """Note an event, and schedule what hangs on it."""
        self.log.append((self.time, event))
        for watch in self._watches:
            if watch.event == event and watch.left:
                watch.left -= 1
                self.later(watch.delay, watch.act)
        if self.setup.switches.lag:
            self._snapshots.append((self.time, copy.deepcopy(self.apps)))

    def happened(self, event: str) -> bool:
        return any(name == event for _, name in self.log)

    def seen_late(self, operation: str) -> dict[str, App]:
        """The apps as an operation shows them."""
        lag = self.setup.switches.lag.get(operation, 0.0)
        if not lag:
            return self.apps
        past = (apps for when, apps in reversed(self._snapshots) if when <= self.time - lag)
        return next(past, {})

    # ---- what is asked of it

    def new_id(self) -> str:
        return str(uuid.UUID(int=0x5EC0_0000_0000_4000_8000_0000_0000_0000 + next(self._ids) * 7919, version=4))

    def named(self, name: str = "shop") -> App | None:
        return next((app for app in self.apps.values() if app.name == name), None)

    def create(self, spec: Spec, origin: str = "person") -> App:
        check(spec, None)
        ciphertexts: dict[str, str] = {}
        kept = self._altered("stored", stored(spec, ciphertexts), origin)
        app = App(self.new_id(), kept, self.time, self.time, ciphertexts=ciphertexts)
        self.apps[app.id] = app
        self._deploy(app, kept, origin, "app created", _by(origin, "CREATE_APP"))
        return app

    def update(self, app: App, spec: Spec, origin: str = "person") -> Deployment:
        check(spec, app.ciphertexts)
        self._refuse_pinned(app)
        app.spec = self._altered("stored", stored(spec, app.ciphertexts), origin)
        app.updated = self.time
        return self._deploy(app, app.spec, origin, "app spec updated", _by(origin, "UPDATE_SPEC"))

    def redeploy(self, app: App, origin: str = "person") -> Deployment:
        self._refuse_pinned(app)
        return self._deploy(app, app.spec, origin, "manual", _by(origin, "CREATE_DEPLOYMENT"))

    def push(self, app: App) -> None:
        """A commit on the branch; nothing happens while the app is pinned."""
        if app.pinned is None:
            details = {"type": "DEPLOY_ON_PUSH"}
            self._deploy(app, app.spec, "push", "commit b27a128 pushed to github.com/example/shop/tree/main", details)

    def restart(self, app: App) -> None:
        """A person restarts what serves: a deployment that is cloned from it."""
        if app.active is not None:
            details = _by("person", "RESTART")
            self._deploy(app, app.active.spec, "person", "restarting app", details, cloned=app.active.id)

    def cancel(self, app: App) -> Deployment | None:
        one = app.running()
        if one is not None:
            self._move(app, one, "CANCELED")
        return one

    def delete(self, app: App) -> None:
        self.apps.pop(app.id, None)
        self.emit("deleted")

    # ---- rollbacks

    def condition(self, app: App, deployment_id: str) -> tuple[str, str]:
        """Why an app cannot be rolled back to a deployment: code and message, both empty if it can."""
        found = app.find(deployment_id)
        if app.pinned is not None:
            return "app_pinned", "the app is pinned to a rollback that is neither committed nor reverted"
        if found is None or found.phase not in ("ACTIVE", "SUPERSEDED"):
            return "incompatible_phase", "the deployment's phase is not suitable for rollback"
        if found.active_since is None:
            return "incompatible_result", "the deployment's result is not suitable for rollback"
        most = self.setup.switches.revisions
        served = [one for one in reversed(app.deployments) if one.active_since is not None]
        if served.index(found) >= most:
            text = f'the deployment is past the maximum historical revision limit of {most} for the "basic" app tier'
            return "exceeded_revision_limit", text
        return "", ""

    def roll_back(self, app: App, deployment_id: str, *, skip_pin: bool, origin: str = "person") -> Deployment:
        code, message = self.condition(app, deployment_id)
        target = app.find(deployment_id)
        if code or target is None:
            raise Invalid(code, message)
        details = _by(origin, "ROLLBACK_APP") | {"type": "MANUAL_ROLLBACK"}
        app.before = app.spec
        made = self._deploy(app, target.spec, origin, "app rolled back", details, cloned=target.id)
        if skip_pin or self.setup.switches.rollback_sets_spec:
            app.spec = target.spec
        if not skip_pin:
            app.pinned = made
        return made

    def commit(self, app: App) -> None:
        if app.pinned is None:
            raise Invalid("", "the app is not pinned")
        if self.setup.switches.commit_sets_spec:
            app.spec = app.pinned.spec
        app.pinned = None

    def revert(self, app: App, origin: str = "person") -> Deployment:
        if app.pinned is None:
            raise Invalid("", "the app is not pinned")
        app.pinned, app.spec = None, app.before
        return self._deploy(app, app.spec, origin, "app rollback reverted", _by(origin, "REVERT_APP_ROLLBACK"))

    def _own_rollback(self) -> None:
        """The platform goes back by itself, from the newest deployment that failed."""
        own = self.setup.own
        for app in self.apps.values():
            failed = next((one for one in reversed(app.deployments) if one.phase == "ERROR"), None)
            target = app.served(own.to)
            if failed is None or target is None or not self._own_left or self._overtaken(app, failed):
                continue
            self._own_left -= 1
            cause = f'automated rollback after failed deployment of "{failed.id}"' if own.cause else ""
            details = {"type": own.type} if own.type else None
            kept = app.pinned
            made = self._deploy(app, target.spec, "auto", cause, details, cloned=target.id, previous=failed.id)
            app.pinned = made if own.pins else kept
            if own.restores_spec:
                app.spec = target.spec

    def _overtaken(self, app: App, failed: Deployment) -> bool:
        """Whether a newer deployment than the failed one is something else than a rollback of the run under test."""
        newest = app.deployments[-1]
        return newest is not failed and newest.origin != "rollback" and not self.setup.own.after

    # ---- deployments

    def _refuse_pinned(self, app: App) -> None:
        if app.pinned is not None:
            raise Pinned

    def _deploy(
        self,
        app: App,
        spec: Spec,
        origin: str,
        cause: str,
        details: dict[str, Any] | None,
        *,
        cloned: str = "",
        previous: str = "",
    ) -> Deployment:
        for other in app.deployments:
            if other.under_way:
                self._move(app, other, self.setup.switches.replaced)
        spec = self._altered("deployed", spec, origin)
        before = app.deployments[-1].id if app.deployments else ""
        fate = self._fate(origin, version_of(spec))
        made = Deployment(self.new_id(), spec, origin, self.time, fate, cause, details, previous or before, cloned)
        made.moves.append((self.time, made.phase))
        app.deployments.append(made)
        for seconds, phase in fate.phases:
            self.later(seconds, lambda phase=phase: self._scripted(app, made, phase))
        self.emit(f"{origin} {made.phase}")
        return made

    def _scripted(self, app: App, one: Deployment, phase: str) -> None:
        """The next phase of its fate, unless something ended it first."""
        if one.phase not in ("SUPERSEDED", "CANCELED") and app.id in self.apps:
            self._move(app, one, phase)

    def _move(self, app: App, one: Deployment, phase: str) -> None:
        one.phase = phase
        one.moves.append((self.time, phase))
        if phase == "ACTIVE":
            self._activate(app, one)
        if phase == "ERROR":
            self._fail(app, one)
        self.emit(f"{one.origin} {phase}")

    def _activate(self, app: App, one: Deployment) -> None:
        one.active_since = self.time
        if one.fate.shown:
            if app.active is not None and app.active is not one and app.active.phase == "ACTIVE":
                self._move(app, app.active, "SUPERSEDED")
            app.active = one

    def _fail(self, app: App, one: Deployment) -> None:
        built = one.had("DEPLOYING") or one.active_since is not None
        if app.active is one and not self.setup.switches.error_keeps_active:
            app.active = app.served()
            if app.active is not None:
                app.active.phase = "ACTIVE"
        own = self.setup.own
        if built and own.delay is not None and not own.after:
            self.later(own.delay, self._own_rollback)

    def _fate(self, origin: str, version: str) -> Fate:
        for place, fate in enumerate(self.setup.fates if origin != "setup" else ()):
            used = self._used.get(place, 0)
            over = (fate.times and used >= fate.times) or (fate.until and self.time > self.began + fate.until)
            if meant(fate.of, origin, version) and not over:
                self._used[place] = used + 1
                return fate
        return Fate()

    def _altered(self, when: str, spec: Spec, origin: str) -> Spec:
        found = [t for t in self.setup.tampers if t.when == when and meant(t.of, origin, version_of(spec))]
        if not found or origin == "setup":
            return spec
        out = copy.deepcopy(spec)
        for tamper in found:
            edit(out, tamper.path, tamper.to)
        return out

    def proposed(self, spec: Spec, app: App | None) -> Spec:
        """What the platform makes of a spec that is proposed."""
        ciphertexts = dict(app.ciphertexts) if app else {}
        return self._altered("proposed", stored(spec, ciphertexts), "propose")

    def behaviour(self, one: Deployment) -> Running:
        """How an active deployment behaves."""
        found = (each for each in self.setup.running if meant(each.of, one.origin, one.version))
        return next(found, Running())

    def health(self, app: App) -> list[dict[str, Any]]:
        """The health of the components of what is active."""
        one = app.active
        if one is None or one.active_since is None:
            return []
        state = at(self.behaviour(one).health, self.time - one.active_since)
        components = [*one.spec.get("services", ()), *one.spec.get("workers", ())] if state else []
        return [_component_health(item, state) for item in components]


def _component_health(item: Spec, state: str) -> dict[str, Any]:
    desired = item.get("instance_count", 1)
    ready = 0 if state == "UNHEALTHY" else desired
    usage = {"cpu_usage_percent": 3.5, "memory_usage_percent": 21.0}
    return {"name": item["name"], "state": state, "replicas_desired": desired, "replicas_ready": ready, **usage}


def _by(origin: str, action: str) -> dict[str, Any]:
    """The cause details of what a user asked for; a setup's deployments are the pipeline's, too."""
    who = PERSON if origin == "person" else PIPELINE
    return {"digitalocean_user_action": {"user": who, "name": action}, "type": "MANUAL"}
