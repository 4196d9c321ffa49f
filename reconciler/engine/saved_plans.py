"""Saved plans as files: written with `--save`, demanded with `--expect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import PlanMismatch, ReconcileError
from reconciler.plan import saved

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.engine.plan import Planned
    from reconciler.plan.saved import SavedPlan


def save(file: Path, planned: Planned) -> None:
    """Keep a plan.

    Raises:
        ReconcileError: the file cannot be written.
    """
    try:
        file.write_text(saved.dump(planned.report.plans), encoding="utf-8")
    except OSError as error:
        hint = "name a file in a folder that is there and can be written"
        raise ReconcileError(f"the plan cannot be saved to {file}: {error.strerror}", hint=hint) from None


def read(file: Path) -> SavedPlan:
    """A plan that was kept.

    Raises:
        PlanMismatch: it cannot be read, or is none.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        hint = "make it again: reconcile --plan --save FILE"
        raise PlanMismatch(f"the saved plan {file} cannot be read: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        text = ""  # no plan of any version
    return saved.load(text, str(file))


def demand(before: SavedPlan, file: Path, planned: Planned) -> None:
    """Refuse the whole run unless the saved plan still is what would be done.

    Raises:
        PlanMismatch: it is not; the message says which app differs and how.
    """
    if found := saved.mismatches(before, planned.report.plans):
        message = "\n".join([f"the saved plan {file} is not what would be done now; nothing was changed", *found])
        raise PlanMismatch(message, hint="plan again, have it reviewed, and apply that")
