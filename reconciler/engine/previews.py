"""What a repository's previews are: those whose mark proves it, how each is now, and what the engine may do to them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import COMPONENT_KINDS, components
from reconciler.config import Config
from reconciler.config_file import read_config
from reconciler.config_preview import NO_PREVIEW
from reconciler.config_sections import Guards
from reconciler.desired.load import load as load_specs
from reconciler.desired.preview_mark import Mark, names_in, proven
from reconciler.engine import safety
from reconciler.engine.load import RunOptions, entered, named_here
from reconciler.errors import InvalidInput
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, Severity
from reconciler.plan.canonical import canonical
from reconciler.plan.model import estimated_cost
from reconciler.text import matches
from reconciler.views.previews import PreviewState

if TYPE_CHECKING:
    from reconciler.config_preview import Preview
    from reconciler.desired.environments import EnvironmentSources
    from reconciler.desired.preview import Derived
    from reconciler.engine.planner import Planned
    from reconciler.live.models import LiveApp
    from reconciler.rollout.model import RolloutReport

_NO_VALUES = frozenset({"unset-variable", "empty-variable", "required-variable"})
"""Codes of findings that say nothing about which apps there are."""


@dataclass(frozen=True)
class Repository:
    """What a repository's Git says about previews. ``named``: every name of an app of its own, see `names_in`."""

    name: str
    settings: Preview
    config: Config
    named: frozenset[str]
    apps: tuple[str, ...] = ()
    """The apps that have previews."""
    environment: EnvironmentSources | None = None

    @classmethod
    def read(cls, name: str, options: RunOptions) -> Repository:
        """Read it; specs need not be valid, but all must be readable, or one that names an app might be missed.

        Raises:
            InvalidInput: a spec or the configuration cannot be read, or the name of an app is not known.
        """
        file, environment = entered(options)
        whole = read_config(options.config, options.specs) if environment else file
        loaded = load_specs(
            options.specs,
            config=file.config,
            environ=options.environ,
            variables=options.variables,
            offline=True,
            environment=environment,
        )
        wrong = [one for one in loaded.findings if one.is_error and one.code not in _NO_VALUES]
        nameless = [app for app in loaded.apps if not app.name or "${" in app.name]
        if wrong or nameless:
            hint = "fix it: without the names of all apps, no app is known to be a preview"
            unnamed = [
                Finding(Severity.ERROR, "missing-field", "the app's name is not known", hint, app.locate("/name"))
                for app in nameless
            ]
            raise InvalidInput([*wrong, *unnamed])
        bases = {name for app in loaded.apps for name in (app.name, app.base)}
        settings = file.config.preview or NO_PREVIEW
        apps = tuple(app.name for app in loaded.apps if matches(app.name, settings.apps))
        return cls(name, settings, file.config, names_in(whole, bases), apps, environment)

    def here(self, options: RunOptions, others: Collection[str] = ()) -> RunOptions:
        """The options with the names that apps have in the environment: those that have previews, and ``others``."""
        return named_here(options, self.environment, {*self.apps, *others})

    def previews(self, fleet: Collection[LiveApp], number: int = 0) -> dict[str, tuple[LiveApp, Mark]]:
        """The proven previews of this repository, and of a pull request, by name."""
        marks = {app.name: (app, proven(app.spec, self.named)) for app in fleet}
        found = {name: (app, mark) for name, (app, mark) in marks.items() if mark and mark.is_of(self.name, number)}
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class Previewed:
    """The previews that a run was about. ``planned`` and ``rollout`` of what it changed, if anything.

    ``unknown``: a preview was kept because the state of its pull request is not known.
    """

    states: tuple[PreviewState, ...]
    planned: Planned | None = field(default=None, repr=False)
    rollout: RolloutReport | None = field(default=None, repr=False)
    declined: bool = False
    unknown: bool = False

    def exit_code(self, *, up: bool = False) -> Exit:
        """The exit code of a run; ``up``: it was to make previews, so one that is gone was refused."""
        codes = [safety.of_apply(self.rollout, self.planned)] if self.rollout and self.planned else []
        states = {one.state for one in self.states}
        if codes in ([], [Exit.OK]) and (self.unknown or states & {"failed", "kept"}):
            codes += [Exit.ERROR]
        return safety.most_serious([*codes, Exit.REFUSED] if up and "gone" in states else codes)


def engine_options(
    options: RunOptions, names: Collection[str], fleet: Collection[LiveApp], again: Sequence[str]
) -> RunOptions:
    """The options of the engine for previews alone: of them everything may change.

    ``again``: the subcommand of ``reconcile preview`` that goes on where the run stops.
    """
    allow = {"max-changes"}
    for name in names:
        allow |= {f"{kind}={name}" for kind in ("region", "archive", "delete")}
        for app in (app for app in fleet if app.name == name):
            parts = [str(one.get("name")) for _, one in components(app.spec, COMPONENT_KINDS)]
            allow |= {f"{kind}={name}/{part}" for kind in ("remove", "replace") for part in parts}
    return RunOptions(
        specs=(),
        apply=True,
        allow=frozenset(allow),
        retry=options.retry,
        concurrency=options.concurrency,
        override_freeze=True,
        logs=options.logs,
        rehearsal=options.rehearsal,
        again=shlex.join(("reconcile", "preview", *again)),
    )


def engine_config(config: Config, useful: Sequence[Derived], *, forks: bool) -> Config:
    """The configuration for previews: each has the policy of its app, and depends on nothing.

    A fork's is left as it failed: what it would go back to is a commit that was allowed once, not now.
    """
    policies: dict[str, dict[str, Any]] = {}
    for one in useful:
        own = config.policy(one.mark.app)
        policies[one.mark.name] = own.model_dump(exclude_unset=True) | {
            "source_versions": "latest",
            "depends_on": [],
            "ignore": [],
            "secrets": "keep",
            "paused": False,
            "on_failure": "leave" if forks or own.on_failure == "leave" else "rollback",
        }
    fields = dict(Config()) | {"account": config.account, "project": config.project, "apps": policies}
    return Config.model_construct(set(), **fields | {"guards": Guards(max_changes=100)})


# --- what a preview is ---


def deployed(app: LiveApp) -> datetime | None:
    """When an app was last deployed, as far as App Platform says."""
    return app.last_deployment_created_at or app.updated_at or app.created_at


def expires(app: LiveApp, settings: Preview) -> datetime | None:
    """When a preview ends by its age; None if App Platform says nothing about that."""
    since = deployed(app)
    return since + timedelta(seconds=settings.ttl) if since else None


def seen(app: LiveApp, mark: Mark, settings: Preview) -> PreviewState:
    """A preview as it is, which nothing judged."""
    active, running = app.active_deployment, app.running_deployment
    return PreviewState(
        mark.app,
        app.name,
        mark.pull,
        mark.commit,
        "deploying" if running else "live" if active else "failed",
        url=app.live_url if active else "",
        cost=estimated_cost(canonical(app.spec)),
        expires=expires(app, settings),
        app_id=app.id,
        deployment_id=serving.id if (serving := running or active) else "",
    )
