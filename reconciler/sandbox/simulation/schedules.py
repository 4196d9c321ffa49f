"""Jobs that run by the clock: when a cron expression was due. Pure.

Nothing runs in the background: whoever asks for job invocations first lets those happen that were due since.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import Tree

MOST = 50
"""Of a long time without anybody asking, only the latest runs of a job are made up for."""


def scheduled(spec: Tree) -> list[Tree]:
    """The jobs of a spec that run by the clock."""
    return [job for job in spec.get("jobs") or [] if job.get("kind") == "SCHEDULED" and _cron(job)]


def mistake(job: Tree) -> tuple[str, str] | None:
    """(field, what is wrong) of a job's schedule; None if it is fine or there is none."""
    from cronsim import CronSim, CronSimError

    schedule = job.get("schedule") or {}
    try:
        zone = _zone(schedule)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # of odd names it raises what the file system says
        return "schedule.time_zone", "there is no such time zone"
    try:
        if schedule.get("cron"):
            CronSim(schedule["cron"], datetime(2026, 1, 1, tzinfo=zone))
    except CronSimError:
        return "schedule.cron", "this is no cron expression"
    return None


def due(job: Tree, after: float, until: float) -> list[float]:
    """When a job ran after one moment and up to another (seconds since 1970), at most the latest `MOST`, in order."""
    from cronsim import CronSim

    zone = _zone(job["schedule"])
    found: list[float] = []
    # backwards from just behind the end, which is never due itself
    for moment in CronSim(_cron(job), datetime.fromtimestamp(until + 1, UTC).astimezone(zone), reverse=True):
        at = moment.timestamp()
        if at <= after or len(found) == MOST:
            break
        if at <= until:
            found.append(at)
    return found[::-1]


def _cron(job: Tree) -> str:
    return str((job.get("schedule") or {}).get("cron") or "")


def _zone(schedule: Tree) -> tzinfo:
    name = schedule.get("time_zone") or "UTC"
    return UTC if name == "UTC" else ZoneInfo(name)
