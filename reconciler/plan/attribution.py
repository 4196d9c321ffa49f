"""Attributes differences between Git and live: did Git move ahead, was the app changed, or both?

Pure. The evidence is the earlier versions of the spec file and the specs of the app's deployments:

- *Git moved ahead*: the live value was in Git earlier; the commit that replaced it is named. Unless the deployments
  show that Git's current value was already live, and a later deployment restored the old one: that was a change of the
  app, such as a rollback.
- *Changed live*: the value was never in Git. The deployment that introduced it is named, with its user.
- *Both*: it was never in Git, and Git's own value has changed since as well.
- *Unknown*, with the reason: the value is not in the available part of the history, the history is missing, or a
  variable supplies the value, so that Git does not have it.

Values are compared as in plans, so spelling, defaults and order never count. No value is ever shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from reconciler.desired.git_history import FileHistory, plain_specs
from reconciler.live.models import Deployment
from reconciler.plan.align import align
from reconciler.plan.canonical import Path, Tree, canonical
from reconciler.plan.diff import comparable, diff, related
from reconciler.plan.model import AppAttribution, Attribution, Change, ChangeKind, Origin
from reconciler.plan.platform import own_rollbacks
from reconciler.text import ago, in_utc


def attribute(
    app: str,
    changes: Sequence[Change],
    specs: tuple[Mapping[str, Any], Mapping[str, Any]],
    history: SpecHistory,
    deployments: Sequence[Deployment],
    *,
    now: datetime,
    variables: Collection[Path] = (),
) -> AppAttribution:
    """Attribute each of an app's changes.

    ``specs`` are Git's and the live one; ``deployments`` come newest first, as many as were read; ``variables`` are the
    paths, by identity, of values that a declared variable supplies.
    """
    # A deployment without a spec shows nothing; a failed one still shows what was requested.
    shown = tuple(one for one in deployments if one.spec)
    case = _Case(canonical(specs[0]), canonical(specs[1]), history, shown, now, frozenset(variables))
    found = tuple(case.attribute(change) for change in changes)
    kind = _sum([one.kind for one in found])
    return AppAttribution(app, kind, _summary(kind, found, case), found)


class _Comparison:
    """The differences of two specs, as in a plan."""

    def __init__(self, before: Tree, after: Tree) -> None:
        aligned = align(after, before)
        self._changes = diff(aligned.live, aligned.desired)

    def differs(self, path: Path) -> bool:
        """Whether the two differ at a path, above it or below it."""
        path = comparable(path)
        return any(
            related(path, change.path) and not (change.kind is ChangeKind.REORDERED and len(path) > len(change.path))
            for change in self._changes
        )


@dataclass(frozen=True)
class _Case:
    """One app's evidence; comparisons are made once, on demand."""

    _desired: Tree
    _live: Tree
    history: SpecHistory
    _deployments: tuple[Deployment, ...]
    _now: datetime
    _variables: frozenset[Path]

    @cached_property
    def _live_in_git(self) -> tuple[_Comparison | None, ...]:
        return tuple(self._compared(version.spec, self._live) for version in self.history.versions)

    @cached_property
    def _desired_in_git(self) -> tuple[_Comparison | None, ...]:
        return tuple(self._compared(version.spec, self._desired) for version in self.history.versions)

    @cached_property
    def _live_deployed(self) -> tuple[_Comparison | None, ...]:
        return tuple(self._compared(one.spec, self._live) for one in self._deployments)

    @cached_property
    def _desired_deployed(self) -> tuple[_Comparison | None, ...]:
        return tuple(self._compared(one.spec, self._desired) for one in self._deployments)

    def _compared(self, spec: Mapping[str, Any] | None, other: Tree) -> _Comparison | None:
        return None if spec is None else _Comparison(other, canonical(spec))

    @cached_property
    def owns(self) -> Collection[str]:
        """The deployments by which the platform rolled back by itself: no user made them (C49)."""
        return own_rollbacks(self._deployments).keys()

    def attribute(self, change: Change) -> Attribution:
        """Attribute one difference."""
        path = change.path
        if change.sensitive and change.kind is ChangeKind.CHANGED:
            return self._unknown(path, "a secret: its live value cannot be read", None)
        deployed = self._deployed_by(path)
        matching = _first_equal(self._live_in_git, path)
        if matching is not None:
            if deployed is not None and self._put_back(path, matching, deployed):
                return self._edited(
                    path, deployed, f"restored to what Git had before {self._mover(matching).commit[:7]}"
                )
            return self._ahead(path, matching, deployed)
        unknown = self._why_unknown(path)
        if unknown:
            return self._unknown(path, unknown, deployed)
        moved = self._moved(path, deployed)
        if moved is None:
            return self._edited(path, deployed, "changed live")
        return self._both(path, moved, deployed)

    def _deployed_by(self, path: Path) -> int | None:
        """The index of the deployment that introduced the live value: the oldest of the newest in a row that have it.

        None if the newest has another value, or if even the oldest that was read has this one and is not the
        app's first: then the one that introduced it was not read.
        """
        number = None
        for at, comparison in enumerate(self._live_deployed):
            if comparison is None or comparison.differs(path):
                break
            number = at
        oldest = len(self._deployments) - 1
        if number == oldest and number is not None and self._deployments[number].previous_deployment_id:
            return None
        return number

    def _put_back(self, path: Path, matching: int, deployed: int) -> bool:
        """Whether Git's current value was live after Git moved to it, and the old one was restored afterwards."""
        created = self._deployments[deployed].created_at
        if matching == 0 or created is None or in_utc(created) <= in_utc(self._mover(matching).when):
            return False
        return self._was_live(path, deployed, self._mover(matching).when)

    def _was_live(self, path: Path, deployed: int, since: datetime) -> bool:
        """Whether Git's current value was live at some time since then, before a deployment introduced another."""
        for deployment, comparison in zip(
            self._deployments[deployed + 1 :], self._desired_deployed[deployed + 1 :], strict=True
        ):
            created = deployment.created_at
            if created is None or in_utc(created) < in_utc(since):
                break
            if comparison is not None and not comparison.differs(path):
                return True
        return False

    def _mover(self, matching: int) -> SpecVersion:
        """The version that replaced the last one with the live value."""
        return self.history.versions[matching - 1]

    def _moved(self, path: Path, deployed: int | None) -> SpecVersion | None:
        """The commit that changed Git's value as well and was never live; None if there is none or it is unclear."""
        setter = self._setter(path)
        if setter is None or not setter.commit or not self._deployments:
            return setter
        oldest = self._deployments[-1]
        edited = (oldest if deployed is None else self._deployments[deployed]).created_at
        if edited is None:
            return None
        if in_utc(setter.when) > in_utc(edited):
            return setter
        if deployed is None or self._was_live(path, deployed, setter.when):
            return None
        read_back = not oldest.previous_deployment_id or (
            oldest.created_at is not None and in_utc(oldest.created_at) < in_utc(setter.when)
        )
        return setter if read_back else None

    def _setter(self, path: Path) -> SpecVersion | None:
        """The commit that gave Git its current value; None if Git had it from the start."""
        versions = self.history.versions
        for number, comparison in enumerate(self._desired_in_git):
            if comparison is None:
                return None
            if comparison.differs(path):
                return versions[number - 1] if number else SpecVersion("", self._now, "", None)
        return None

    def _why_unknown(self, path: Path) -> str:
        if not self.history.versions:
            return self.history.gap or "the spec file is not in Git"
        if any(related(comparable(path), one) for one in self._variables):
            return "a variable supplies Git's value, so Git does not have it"
        return self.history.gap

    def _ahead(self, path: Path, matching: int, deployed: int | None) -> Attribution:
        deployment, user = self._deployment(deployed)
        if matching == 0:
            text = f"Git is ahead: changed here, not committed yet (live matches {self.history.versions[0].commit[:7]})"
            return Attribution(path, "git_ahead", text, deployment_id=deployment, user=user)
        mover = self._mover(matching)
        text = f"Git is ahead since {self._committed(mover)}; live matches {self.history.versions[matching].commit[:7]}"
        return Attribution(
            path, "git_ahead", text, mover.commit, mover.author, mover.when, deployment_id=deployment, user=user
        )

    def _edited(self, path: Path, deployed: int | None, what: str) -> Attribution:
        deployment, user = self._deployment(deployed)
        when = self._deployments[deployed].created_at if deployed is not None else None
        text = f"{what} {self._deployed(deployed)}"
        return Attribution(path, "live_edit", text, when=when, deployment_id=deployment, user=user)

    def _both(self, path: Path, moved: SpecVersion, deployed: int | None) -> Attribution:
        deployment, user = self._deployment(deployed)
        git = f"Git changed in {self._committed(moved)}" if moved.commit else "Git's file has uncommitted changes"
        text = f"both: {git}, and live was changed {self._deployed(deployed)}"
        when = moved.when if moved.commit else None
        return Attribution(path, "both", text, moved.commit, moved.author, when, deployment_id=deployment, user=user)

    def _unknown(self, path: Path, reason: str, deployed: int | None) -> Attribution:
        deployment, user = self._deployment(deployed)
        text = f"unknown: {reason}"
        if deployment:
            text += f"; live since {self._deployed(deployed).removeprefix('by ')}"
        return Attribution(path, "unknown", text, deployment_id=deployment, user=user)

    def _deployment(self, number: int | None) -> tuple[str, str]:
        if number is None:
            return "", ""
        deployment = self._deployments[number]
        user = deployment.user
        return deployment.id, (user.email or user.full_name or user.uuid) if user else ""

    def _deployed(self, number: int | None) -> str:
        """``by deployment 3f9c…, 2 d ago, by ada@example.com``."""
        if number is None:
            return "by a deployment older than those read"
        deployment = self._deployments[number]
        _, user = self._deployment(number)
        how = "rollback deployment" if deployment.is_rollback else "deployment"
        how = "the platform's own rollback" if deployment.id in self.owns else how
        parts = [f"by {how} {deployment.id}"]
        if deployment.created_at is not None:
            parts.append(ago(deployment.created_at, self._now))
        if user:
            parts.append(f"by {user}")
        return ", ".join(parts)

    def _committed(self, version: SpecVersion) -> str:
        """``3f9c2ab (Ada Byron, 2 d ago)``."""
        return f"{version.commit[:7]} ({version.author}, {ago(version.when, self._now)})"


def _first_equal(comparisons: Sequence[_Comparison | None], path: Path) -> int | None:
    """The newest version with the live value."""
    return next((at for at, one in enumerate(comparisons) if one is not None and not one.differs(path)), None)


def _sum(kinds: Sequence[Origin]) -> Origin:
    """One kind for several: different ones make both, an unknown one makes unknown."""
    known = set(kinds)
    if not known or "unknown" in known:
        return "unknown"
    return kinds[0] if len(known) == 1 else "both"


def _summary(kind: Origin, found: Sequence[Attribution], case: _Case) -> str:
    match kind:
        case "git_ahead":
            return "Git is ahead: apply will update live"
        case "live_edit":
            if all(one.deployment_id in case.owns for one in found):
                return "the platform rolled back by itself: apply would undo it"
            users = sorted({one.user for one in found if one.user})
            return f"changed live{' by ' + ', '.join(users) if users else ''}: apply would undo it"
        case "both":
            return "Git and live were both changed: apply would undo the live change"
        case _:
            reason = next(
                (one.text.removeprefix("unknown: ") for one in found if one.kind == "unknown"), case.history.gap
            )
            return f"origin unknown: {reason}" if reason else "origin unknown"


@dataclass(frozen=True, slots=True)
class SpecVersion:
    """The spec file after a commit; ``spec`` is None if it did not hold this app."""

    commit: str
    when: datetime
    author: str
    spec: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SpecHistory:
    """The versions of an app's spec in Git, newest first. ``gap`` says why there may be more; empty: these are all."""

    versions: tuple[SpecVersion, ...] = ()
    gap: str = ""


def spec_history(
    history: FileHistory, names: Collection[str], read: Callable[[str, str], Any] = plain_specs
) -> SpecHistory:
    """The versions of one app's spec in a file's history. ``names``: the app's current and former names.

    ``read`` parses a text as for `History.removed_specs`; pass one that substitutes variables, as loading does.
    """

    def spec_of(text: str | None) -> Mapping[str, Any] | None:
        return next((spec for name, spec in read(text or "", "") if name in names), None)

    versions = (SpecVersion(one.commit, one.when, one.author, spec_of(one.text)) for one in history.revisions)
    return SpecHistory(tuple(versions), history.gap)
