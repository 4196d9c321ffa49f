"""Which earlier deployments one could go back to: pure, over the app's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.live.models import Deployment, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

COMPONENTS = ("services", "workers", "jobs", "static_sites", "functions")
"""The kinds of components that have a source."""


def candidates(
    history: Sequence[Deployment], *, failed: Collection[str], active_before: str = "", most: int = 10
) -> tuple[Deployment, ...]:
    """Earlier deployments that were active and good, best first: the one active before, then newest first.

    ``history`` is newest first. Left out are ``failed``, those that never were active, and those that an earlier
    rollback went back from: what was judged unhealthy once is no refuge.
    """
    shunned = set(failed) | _left_behind(history)
    good = [found for found in history if found.id and found.id not in shunned and was_active(found)]
    good.sort(key=lambda found: found.id != active_before)  # stable: the others stay newest first
    return tuple(good[:most])


def other_versions(
    found: Sequence[Deployment], active: Deployment, same: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
) -> tuple[Deployment, ...]:
    """Those that a person can mean who wants the app back as it was: another version than what is active.

    ``same`` tells whether two specs mean the same. Those of the same spec come last, as an older commit or image may be
    behind them; left out are those that are the same for certain: the same spec and commits, and no image by its tag.
    """
    twins = [one for one in found if same(one.spec, active.spec)]
    older = [one for one in twins if _by_tag(one.spec) or _commits(one) != _commits(active)]
    return (*(one for one in found if one not in twins), *older)


def _commits(deployment: Deployment) -> dict[str, str]:
    """The commit each component was built from, where the platform says (``services[].source_commit_hash`` …)."""
    told = [item for kind, items in deployment if kind in COMPONENTS for item in items or ()]
    items = [item for item in told if isinstance(item, dict)]
    return {str(item.get("name")): str(item["source_commit_hash"]) for item in items if item.get("source_commit_hash")}


def _by_tag(spec: Mapping[str, Any]) -> bool:
    items = [item for kind in COMPONENTS for item in spec.get(kind) or () if isinstance(item, dict)]
    return any(isinstance(item.get("image"), dict) and not item["image"].get("digest") for item in items)


def was_active(deployment: Deployment) -> bool:
    """Whether it ever served. SUPERSEDED alone does not tell: a build that was overtaken is that, too.

    Of a superseded one, every step must have succeeded, where the platform still says so.
    """
    match deployment.phase:
        case Phase.ACTIVE:
            return True
        case Phase.SUPERSEDED:
            progress = deployment.progress
            if progress is None or not progress.total_steps:
                return True
            return not progress.error_steps and progress.success_steps == progress.total_steps
        case _:
            return False


def _left_behind(history: Sequence[Deployment]) -> set[str]:
    """What each rollback in the history went back from: everything between it and where it went back to."""
    found: set[str] = set()
    positions = {deployment.id: position for position, deployment in enumerate(history)}
    for position, deployment in enumerate(history):
        if not deployment.is_rollback:
            continue
        target = positions.get(deployment.cloned_from)
        end = target if target is not None and target > position else position + 2
        found |= {between.id for between in history[position:end] if not between.is_rollback}
    return found
