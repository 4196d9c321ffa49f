"""Refuses runs: freeze windows, an expected plan that changed, guards, apps that specs must not name. Fails closed.

`engine.apply` calls these checks before anything is written, for every front end. A plan shows what guards refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from reconciler.config import Config
from reconciler.engine.load import Desired, check
from reconciler.engine.options import RunOptions
from reconciler.engine.planner import PlannedApp
from reconciler.errors import PlanMismatch, ReconcileError
from reconciler.plan import saved
from reconciler.plan.guard import frozen, guarded
from reconciler.plan.model import Plan
from reconciler.yamltext import open_file

OVERRIDE_FREEZE = "use --override-freeze to apply anyway"
"""The hint of a refusal inside a freeze window."""


def refuse(options: RunOptions, config: Config, now: datetime, plans: Sequence[Plan] | None = None) -> None:
    """Refuse to apply inside a freeze window, or a plan other than the expected one.

    Without ``plans``, which are known only later, just check that the expected plan can be read.

    Raises:
        PlanMismatch: it is refused; if the plan differs, the message says which apps differ and how.
    """
    if not options.override_freeze and (reason := frozen(config.freeze, now)):
        raise PlanMismatch(f"nothing was applied: {reason}", hint=OVERRIDE_FREEZE)
    if options.expect is None:
        return
    expected = _read(options.expect)
    if plans is not None and (found := saved.mismatches(expected, plans, config)):
        message = f"the saved plan {options.expect} is out of date; nothing was changed"
        raise PlanMismatch("\n".join([message, *found]), hint="make a new plan, have it reviewed, and apply that")


def guard(apps: Sequence[PlannedApp], options: RunOptions, config: Config, fleet: int) -> tuple[PlannedApp, ...]:
    """The apps, with the plans refused that do what was not allowed.

    ``fleet`` is the number of apps, live or wanted: at least the number of plans, whatever the caller passes.
    """
    allowed = guarded([app.plan for app in apps], config.guards, fleet=max(fleet, len(apps)), allowed=options.allow)
    return tuple(replace(app, plan=plan) for app, plan in zip(apps, allowed, strict=True))


def refuse_unowned(desired: Desired, options: RunOptions) -> None:
    """Refuse specs of apps that the repository's own specs do not name, if those are given.

    Raises:
        PlanMismatch: there are such apps.
    """
    if not options.own_specs:
        return
    own = check(replace(options, specs=options.own_specs, apps=frozenset(), checkout=None)).known
    if unowned := ", ".join(sorted(desired.known - own)):
        message = f"the fork has specs of apps that this repository's own specs do not name: {unowned}"
        raise PlanMismatch(message, hint="to plan a new app, open the pull request from a branch of this repository")


def save(file: Path, plans: Iterable[Plan], config: Config) -> None:
    """Save plans for a later run to expect.

    Raises:
        ReconcileError: the file cannot be written.
    """
    try:
        file.write_text(saved.dump(plans, config), encoding="utf-8")
    except OSError as error:
        hint = "choose a file in an existing, writable folder"
        raise ReconcileError(f"cannot save the plan to {file}: {error.strerror}", hint=hint) from None


def _read(file: Path) -> saved.SavedPlan:
    try:
        with open_file(file) as stream:
            text = stream.read().decode("utf-8")
    except OSError as error:
        hint = "save it again: reconcile --plan --save FILE"
        raise PlanMismatch(f"cannot read the saved plan {file}: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        text = ""  # not a plan of any version
    return saved.load(text, str(file))
