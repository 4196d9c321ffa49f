"""Figures of a fleet's delivery, from the platform's own deployments: how often, how well, how fast. Pure.

What counts: a *change* is a deployment that somebody or a push asked for. Rollbacks, restarts, maintenance,
autoscaling and updates of a database's trusted sources are none. Each belongs to the time in which it was created.

deployments a week   changes within the period, divided by its weeks
failed share         of the changes that ended well or badly, those that failed: in ERROR, or active and then rolled
                     back (`deployment_history.rolled_back`); canceled ones, and those overtaken before they were
                     active, count as neither
time to deploy       median, from creation until it became active (its last step ended), of the changes that did
time to recover      median, from the end of a failed change (of one that was rolled back: from when it became active)
                     until the next deployment became active that was not rolled back, a rollback included; failures
                     in a row are one. Where none did yet it counts as not recovered
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from reconciler.config import Policy
from reconciler.live.models import Deployment, Phase
from reconciler.plan.deployment_history import NOT_OURS, rolled_back
from reconciler.plan.platform import ended_at, own_rollbacks, was_active
from reconciler.text import in_utc

_NO_CHANGES = (NOT_OURS - {"DEPLOY_ON_PUSH"}) | {"RESTART", "REVERT_APP_ROLLBACK"}
"""Causes and actions of deployments that bring nothing new."""

_WEEK = 7.0


@dataclass(frozen=True, slots=True)
class Figures:
    """See the module. ``deploy`` and ``recover`` have one entry, in seconds, for each that counts; both sorted."""

    days: float
    changes: int = 0
    succeeded: int = 0
    failed: int = 0
    deploy: tuple[float, ...] = ()
    recover: tuple[float, ...] = ()
    unrecovered: int = 0

    @property
    def weekly(self) -> float:
        """Deployments a week."""
        return self.changes / self.days * _WEEK

    @property
    def failed_share(self) -> float | None:
        """From 0 to 1; None if nothing ended."""
        ended = self.succeeded + self.failed
        return self.failed / ended if ended else None

    @property
    def to_deploy(self) -> float | None:
        """Median seconds to deploy; None if nothing became active."""
        return median(self.deploy) if self.deploy else None

    @property
    def to_recover(self) -> float | None:
        """Median seconds to recover; None if nothing had to, or did."""
        return median(self.recover) if self.recover else None


def figures(history: Sequence[Deployment], policy: Policy, since: datetime, days: float) -> Figures:
    """The figures of one app since that moment, ``days`` ago; ``history`` is newest first and reaches back to it."""
    undone, owns = rolled_back(history, policy), own_rollbacks(history)
    ours = [one for one in history if _is_change(one) and one.id not in owns and _within(one, since)]
    failed = [one for one in ours if one.phase is Phase.ERROR or one.id in undone]
    good = [one for one in ours if was_active(one) and one.id not in undone]
    times = (_seconds(one.created_at, _over_at(one)) for one in ours if was_active(one))
    recoveries = list(_recoveries(history, {one.id for one in failed}, undone))
    return Figures(
        days,
        len(ours),
        len(good),
        len(failed),
        tuple(sorted(time for time in times if time is not None)),
        tuple(sorted(time for time in recoveries if time is not None)),
        sum(time is None for time in recoveries),
    )


def together(parts: Iterable[Figures], days: float) -> Figures:
    """The figures of several apps as one: sums, and medians over the entries of all."""
    every = tuple(parts)
    return Figures(
        days,
        sum(one.changes for one in every),
        sum(one.succeeded for one in every),
        sum(one.failed for one in every),
        tuple(sorted(time for one in every for time in one.deploy)),
        tuple(sorted(time for one in every for time in one.recover)),
        sum(one.unrecovered for one in every),
    )


def _is_change(one: Deployment) -> bool:
    details = one.cause_details
    action = details.digitalocean_user_action if details else None
    kinds = {details.type if details else "", action.name if action else ""}
    return not one.is_rollback and not kinds & _NO_CHANGES


def _over_at(one: Deployment) -> datetime | None:
    """When it became active or failed; without steps only known while its phase is still the one it ended in."""
    return ended_at(one) or (None if one.phase is Phase.SUPERSEDED else one.phase_last_updated_at)


def _within(one: Deployment, since: datetime) -> bool:
    return one.created_at is not None and in_utc(one.created_at) >= in_utc(since)


def _seconds(began: datetime | None, ended: datetime | None) -> float | None:
    """Seconds between two moments; None if one is not known, or they are in the wrong order."""
    if began is None or ended is None or (seconds := (in_utc(ended) - in_utc(began)).total_seconds()) < 0:
        return None
    return seconds


def _recoveries(history: Sequence[Deployment], failed: set[str], undone: frozenset[str]) -> Iterator[float | None]:
    """Seconds of each time without a good deployment; None for one that goes on."""
    began: datetime | None = None
    open_ = False
    for one in reversed(history):
        if one.id in failed and not open_:
            began, open_ = _over_at(one), True
        elif open_ and was_active(one) and one.id not in undone:
            if (seconds := _seconds(began, _over_at(one))) is not None:
                yield seconds
            open_ = False
    if open_:
        yield None
