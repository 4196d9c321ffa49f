"""An app's past as its page shows it: its state on App Platform, its last deployments, how they went. Pure.

Plain data, made from the platform's answers before anything is shown, so that it can be redacted like any report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.live.models import Deployment, Phase, ProgressStep
from reconciler.plan.deployment_history import rolled_back
from reconciler.plan.platform import ended_at, failing_step
from reconciler.text import in_utc
from reconciler.views.app_status import AppStatus, cause, conditions, phase_word, stalled, who
from reconciler.views.lines import Tone

if TYPE_CHECKING:
    from reconciler.plan.figures import Figures

SHOWN = 8
"""How many deployments of an app are shown at most."""

_MANY, _SHOWN_OF_MANY = 200, 2
"""On a page with more apps than this so many are shown, so that it stays quick to open."""


@dataclass(frozen=True, slots=True)
class PastDeployment:
    """A deployment: how it ended, who made it and why, where it failed, and its phases in seconds since its creation.

    ``seconds``: from its creation until it was active or failed; None if unknown.
    """

    id: str
    word: str
    tone: Tone
    created: datetime | None
    cause: str
    who: str
    reason: str = ""
    serves: bool = False
    phases: tuple[tuple[str, float, float], ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class AppHistory:
    """The state of an app beyond its plan. ``conditions`` are words with tones, without its health if that is good.

    ``complete``: its deployments were read; else only the active one is known, from the listing.
    """

    app_id: str = ""
    live_url: str = ""
    conditions: tuple[tuple[str, Tone], ...] = ()
    stalled: str = ""
    deployed: datetime | None = None
    deployments: tuple[PastDeployment, ...] = ()
    complete: bool = False
    figures: Figures | None = None


def history(one: AppStatus, now: datetime, figures: Figures | None = None) -> AppHistory:
    """What is known of an app; of one whose deployments were not read, what its listing has."""
    app, active = one.app, one.app.active_deployment
    found: Sequence[Deployment] = one.deployments or ([active] if active else ())
    undone = rolled_back(one.deployments, one.policy)
    return AppHistory(
        app.id,
        app.live_url,
        tuple((word, tone) for word, tone in conditions(one) if tone != "good"),
        stalled(one, now),
        active.created_at if active else None,
        tuple(_past(each, one, undone) for each in found[:SHOWN]),
        complete=bool(one.deployments),
        figures=figures,
    )


def trimmed(past: AppHistory, apps: int) -> AppHistory:
    """The past as far as a page of so many apps shows it."""
    return past if apps <= _MANY else replace(past, deployments=past.deployments[:_SHOWN_OF_MANY])


_TONES: dict[Phase, Tone] = {Phase.ACTIVE: "good", Phase.ERROR: "bad", Phase.CANCELED: "warning"}


def _past(one: Deployment, status: AppStatus, undone: frozenset[str]) -> PastDeployment:
    active = status.app.active_deployment
    step = failing_step(one.progress.steps if one.progress else ())
    reason = step.reason if step else None
    said = (step.component_name, reason.code if reason else "", reason.message if reason else "") if step else ()
    tone: Tone = "bad" if one.id in undone else _TONES.get(one.phase, "quiet" if one.phase.terminal else "change")
    end = ended_at(one)
    return PastDeployment(
        one.id,
        "rolled back" if one.id in undone else phase_word(one),
        tone,
        one.created_at,
        cause(one, status.deployments),
        who(one),
        ": ".join(filter(None, said)),
        serves=active is not None and active.id == one.id,
        phases=tuple(_phases(one)),
        seconds=_since(one.created_at, end) if one.created_at and end else None,
    )


def _phases(one: Deployment) -> list[tuple[str, float, float]]:
    """The phases of a deployment from its topmost steps: what waits, builds and deploys; then how it ended."""
    created, steps = one.created_at, one.progress.steps if one.progress else ()
    spans = [(step, step.started_at, step.ended_at) for step in steps if step.started_at and step.ended_at]
    if created is None or not spans:
        return []
    found: list[tuple[str, float, float]] = []
    at = 0.0
    for step, began, ended in spans:
        phase, start, end = _phase_of(step), _since(created, began), _since(created, ended)
        if start > at:
            found.append((f"PENDING_{'BUILD' if phase == 'BUILDING' else 'DEPLOY'}", at, start))
        found.append((phase, start, end))
        at = max(at, end)
    return [*found, (one.phase.value, at, at)]


def _phase_of(step: ProgressStep) -> str:
    return "BUILDING" if "build" in step.name.lower() else "DEPLOYING"


def _since(created: datetime, moment: datetime) -> float:
    return max((in_utc(moment) - in_utc(created)).total_seconds(), 0.0)
