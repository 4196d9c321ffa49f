"""The options of a run, and what Git wants: loaded and validated, offline."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reconciler.config import ALL, Config
from reconciler.config_file import ConfigFile, find_config, read_config
from reconciler.config_names import check_names, check_probes
from reconciler.desired.files import escaping_links, find_specs
from reconciler.desired.load import load as load_specs
from reconciler.desired.load import variables_of
from reconciler.desired.validate import of_new_app, validate, validate_all
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import Finding, Severity, has_errors, ranked
from reconciler.redaction import KEY_VARIABLE
from reconciler.text import did_you_mean, matches
from reconciler.yamltext import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.desired.alerts import DesiredAlert
    from reconciler.desired.environments import EnvironmentSources
    from reconciler.desired.load import DesiredApp
    from reconciler.desired.policies import Policy
    from reconciler.live.models import LiveApp


NOTHING_THERE = ("no-specs", "no-such-path")
"""Codes of findings about folders without specs, as after the last one was removed."""

_OUR_OWN = (
    "policy:",
    "unknown-field",
    "unknown-value",
    "type",
    "missing-field",
    "placeholder",
    "schema",
    "too-many-findings",
)
"""What the codes of errors begin with that do not say what App Platform refuses, or that its answers cannot have."""


@dataclass(frozen=True, eq=False)
class Desired:
    """What Git wants: the selected apps, out of the ``known`` ones, and the findings about them."""

    apps: tuple[DesiredApp, ...]
    config: Config
    findings: tuple[Finding, ...]
    known: frozenset[str]
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    of_specs: frozenset[Finding] = frozenset()
    """The errors about what App Platform refuses: what it has already, it did not refuse (see `as_live`)."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where the value of each declared variable came from."""
    environment: EnvironmentSources | None = None
    folder: Path = Path()
    """That of the configuration."""
    alerts: Mapping[str, tuple[DesiredAlert, ...]] = field(default_factory=dict)
    """Who is to be notified of alerts, by app; only apps for which the configuration says so."""

    @property
    def secrets(self) -> frozenset[str]:
        """Every value that must never reach an output."""
        return self.keys.union(*(app.secrets for app in self.apps))


def check(options: RunOptions, *, offline: bool = False, file: ConfigFile | None = None) -> Desired:
    """Load and validate the specs; their problems are in the findings.

    ``offline``: live will not be asked, so what would be wrong with a new app is said, too. ``file`` is the
    configuration if it has been read.

    Raises:
        UsageError: an app selected by name has no spec; with ``prune`` it may be one that Git no longer has.
        InvalidInput: the configuration cannot be used, or a link leads out of the ``checkout``.
    """
    file, environment = entered(options, file)
    config = file.config
    loaded = load_specs(
        options.specs,
        config=config,
        environ=options.environ,
        variables=options.variables,
        strict=options.strict,
        offline=offline,
        environment=environment,
    )
    policies, findings = _policies(config)
    known = frozenset(app.name for app in loaded.apps)
    options = named_here(options, environment, known)
    if not options.prune and not has_errors(loaded.findings):
        check_selection(options, known)
    probes = check_probes(file, {app.name: app.spec for app in loaded.apps})
    apps = tuple(app for app in loaded.apps if options.selects(app.name))
    if options.changed_since:
        from reconciler.engine.changed import changed_only

        apps, changed = changed_only(apps, file, environment, options.changed_since, options.environ)
        findings = (*findings, changed)
    if not options.show_live_values:
        apps = tuple(map(_with_credentials, apps))
    of_apps = validate_all(apps, strict=options.strict, policies=policies)
    names = check_names(file, known, whole=any(path.is_dir() for path in options.specs))
    findings = (*file.warnings, *loaded.findings, *findings, *names, *probes, *of_apps)
    if offline:
        new = [of_new_app(app, Severity.WARNING if app.wrapper else Severity.NOTICE) for app in apps]
        findings = (*findings, *chain.from_iterable(new))
    if options.prune:
        # the history decides what empty or missing folders held
        findings = tuple(
            replace(one, severity=Severity.NOTICE) if one.code in NOTHING_THERE else one for one in findings
        )
    keys = frozenset(filter(None, [options.environ.get(KEY_VARIABLE)]))
    keys = keys.union(environment.tokens if environment else (), *(config.policy(name).secret_values for name in known))
    alerts, wrong, urls = _alerts(apps, file, environment, options, offline=offline)
    findings, keys = (*findings, *wrong), keys | urls | _of_channels(config, options.environ)
    refused = frozenset(one for one in of_apps if one.is_error and not one.code.startswith(_OUR_OWN))
    ordered, sources = tuple(ranked(list(findings))), loaded.sources
    return Desired(apps, config, ordered, known, keys, refused, sources, environment, file.folder, alerts)


def _alerts(
    apps: Sequence[DesiredApp],
    file: ConfigFile,
    environment: EnvironmentSources | None,
    options: RunOptions,
    *,
    offline: bool,
) -> tuple[Mapping[str, tuple[DesiredAlert, ...]], tuple[Finding, ...], frozenset[str]]:
    """See `declared_by`; few projects say who is notified of alerts."""
    if not any(file.config.policy(app.name).alerts for app in apps):
        return {}, (), frozenset()
    from reconciler.desired.alerts import declared_by

    variables = variables_of(file.config, options.environ, options.variables, environment, offline=offline)
    return declared_by(apps, file, variables)


def _of_channels(config: Config, environ: Mapping[str, str]) -> frozenset[str]:
    """The secrets of the channels that messages are sent to; few projects have any."""
    if not config.notify:
        return frozenset()
    from reconciler.config_notify import secrets_of

    return secrets_of(config.notify, environ)


def each(options: RunOptions, file: ConfigFile | None = None) -> list[RunOptions]:
    """The options for the environment they name, or for each in turn; unchanged if the configuration has none.

    Raises:
        InvalidInput: the configuration cannot be used.
        UsageError: every environment is wanted, and there is none.
    """
    if options.environment not in ("", ALL):
        return [options]
    names = (file or config_of(options)).config.environments
    if not names and options.environment:
        raise UsageError("--env all: there are no environments", hint="add `environments` to reconcile.yaml")
    return [replace(options, environment=name) for name in names] or [options]


def entered(options: RunOptions, file: ConfigFile | None = None) -> tuple[ConfigFile, EnvironmentSources | None]:
    """The configuration and, if it has environments, the sources of the one that the options name.

    Raises:
        UsageError: they name none, or there is none of that name.
        InvalidInput: the configuration cannot be used, or a link leads out of the ``checkout``.
    """
    file = file or config_of(options)
    known = file.config.environments
    name = options.named(known)
    if not known and not name:
        return file, None
    if name not in known:
        from reconciler.environments import no_environment

        raise no_environment(name, known)
    from reconciler.desired.environments import sources_of

    return file.within(name), sources_of(file, name, options.environ)


def config_of(options: RunOptions) -> ConfigFile:
    """The configuration that the options name or that is found.

    Raises:
        InvalidInput: it cannot be used, or a link leads out of the ``checkout``.
    """
    return _config_within(options.checkout, options) if options.checkout else read_config(options.config, options.specs)


def named_here(options: RunOptions, environment: EnvironmentSources | None, known: Collection[str]) -> RunOptions:
    """The options with the names and patterns of apps, which may be those of the base, as the environment has them.

    ``known`` are the apps, by their names in the environment, that they may be about.
    """
    if environment is None:
        return options
    own = environment.own

    def here(name: str) -> str:
        return next((one for one in (name, own.renamed(name)) if any(matches(app, (one,)) for app in known)), name)

    return replace(options, apps=frozenset(map(here, options.apps)), exclude=frozenset(map(here, options.exclude)))


def check_selection(options: RunOptions, known: frozenset[str]) -> None:
    """Refuse a name or pattern that fits no app: a typo must not look like an app that is fine.

    Raises:
        UsageError: there is one, or every app is excluded.
    """
    for wanted in sorted(options.apps | options.exclude):
        if not any(matches(name, (wanted,)) for name in known):
            raise UsageError(f"no spec for app {wanted}", hint=did_you_mean(wanted, known))
    if known and not any(map(options.names, known)):
        raise UsageError("no app is left: --exclude leaves out every one that is selected", hint="exclude fewer apps")


def _policies(config: Config) -> tuple[tuple[Policy, ...], tuple[Finding, ...]]:
    """The user's policies and their problems; few projects have any."""
    if not Path(config.policies).is_dir():
        return (), ()
    from reconciler.desired.policies import load_policies

    return load_policies(config.policies)


def _with_credentials(app: DesiredApp) -> DesiredApp:
    """The app; what looks like a credential in it is a secret as well."""
    values = frozenset(value for _, value, _ in app.lookalikes)
    return replace(app, secrets=app.secrets | values) if values else app


def _config_within(checkout: Path, options: RunOptions) -> ConfigFile:
    """The configuration; nothing is ever read through a link that leads out of the checkout.

    Raises:
        InvalidInput: there is such a link.
    """
    path = options.config or find_config(options.specs)
    found = escaping_links([path] if path and path.exists() else [], checkout)
    if not found:
        file = read_config(path, options.specs)
        policies = Path(file.config.policies)
        rules = sorted(policies.iterdir()) if policies.is_dir() else []
        if (name := options.named(file.config.environments)) in file.config.environments:
            from reconciler.desired.environments import files_of

            rules += files_of(file, name)
        found = escaping_links([*find_specs(options.specs, [], leave_out=(str(policies),)), *rules], checkout)
    if found:
        raise InvalidInput(found)
    return file


def load(options: RunOptions, seen: Callable[[Desired], None] = lambda _: None) -> Desired:
    """Load and validate the specs. ``seen`` is called with them even if they are invalid.

    Errors about what App Platform refuses are left for `as_live` to judge.

    Raises:
        InvalidInput: a spec or the configuration cannot be used; no request was sent.
    """
    desired = check(options)
    seen(desired)
    if has_errors([finding for finding in desired.findings if finding not in desired.of_specs]):
        raise InvalidInput(desired.findings)
    return desired


def as_live(desired: Desired, fleet: Mapping[str, LiveApp]) -> Desired:
    """What Git wants, with the errors as warnings that live has, too: what App Platform has, it did not refuse (C83).

    Raises:
        InvalidInput: there are other errors.
    """
    kept: dict[Finding, Finding] = {}
    for app in desired.apps if desired.of_specs else ():
        names = (app.name, *desired.config.former_names(app.name))
        live = next((fleet[name] for name in names if name in fleet), None)
        if live is not None:
            there = replace(
                app, spec={**live.spec, "name": app.name}, document=Document(app.file, "", 0, None), parts={}
            )
            same = Counter(map(_meaning, validate(there)))
            for finding in validate(app):
                if finding in desired.of_specs and same[_meaning(finding)] > 0:
                    same[_meaning(finding)] -= 1
                    hint = f"{finding.hint}; App Platform has it so, hence no error".removeprefix("; ")
                    kept[finding] = replace(finding, severity=Severity.WARNING, hint=hint)
    findings = tuple(kept.get(finding, finding) for finding in desired.findings)
    if has_errors(findings):
        raise InvalidInput(findings)
    return replace(desired, findings=findings, of_specs=frozenset())


def _meaning(finding: Finding) -> tuple[str, str, str]:
    """What a finding is about, wherever it is written."""
    pointer = finding.location.pointer if finding.location else ""
    return finding.code, re.sub(r"line \d+", "line", finding.message), re.sub(r"/\d+(?=/|$)", "/*", pointer)


# --- The options of a run ---


Logs = Literal["failed", "all", "none"]
"""Which build and deploy logs a report has: those that explain a failure, those of every deployment, or none."""


@dataclass(frozen=True, eq=False)
class RunOptions:
    """The options of a run; with only ``specs``, a plan that permits nothing.

    ``apply``                    apply the plan instead of only making it
    ``apps``, ``exclude``        names of apps, or shell patterns: only these, and not those
    ``changed_since``            only apps whose files changed in Git since this commit, see `engine.changed`
    ``shard``                    the part of the apps, as (part, of how many), counted from 1
    ``environment``              the environment of `reconcile.yaml` to render the specs for
    ``label``                    what the caller calls the specs: the environment, if the configuration has any
    ``drift``                    say who made the differences
    ``allow``, ``rotate``, …     what is permitted; see `plan.guard` for the grammar of ``allow``
    ``override_freeze``          apply inside a freeze window
    ``expect``                   a saved plan: apply only if it still matches
    ``checkout``                 no file outside this folder is read, not even through links
    ``own_specs``                the specs whose apps may be named; without any, every app may
    ``redeploy``, ``force_build``  deploy the specs that are live once more, without the build cache
    ``fail_on_failed_push``      end with exit code 2 if a push failed to deploy since
    ``show_live_values``         show what looks like a credential, and in comments also what only live has
    ``rehearsal``                the client is of the embedded sandbox, which is no account
    ``logs``                     of which deployments the report has build and deploy logs
    ``again``                    the command that a report suggests where something is left to do
    ``concurrency``              apps that are rolled out at the same time; 0: as many as the rate limit carries
    """

    specs: tuple[Path, ...] = (Path("specs"),)
    config: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict: bool = False
    apps: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    changed_since: str = ""
    shard: tuple[int, int] = (1, 1)
    checkout: Path | None = None
    own_specs: tuple[Path, ...] = ()
    apply: bool = False
    prune: bool = False
    unmanaged: bool = False
    drift: bool = False
    concurrency: int = 0
    fail_fast: bool = False
    rotate: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    retry: bool = False
    override_freeze: bool = False
    redeploy: bool = False
    force_build: bool = False
    fail_on_failed_push: bool = False
    expect: Path | None = None
    show_live_values: bool = False
    logs: Logs = "failed"
    rehearsal: bool = False
    environment: str = ""
    label: str = ""
    again: str = "reconcile"

    def named(self, environments: Collection[str]) -> str:
        """The environment that is wanted of these: a ``label`` alone names one only if there are any."""
        return self.environment or (self.label if environments else "")

    @property
    def whole(self) -> bool:
        """Whether every app of the specs is selected."""
        return not (self.apps or self.exclude or self.changed_since) and self.shard == (1, 1)

    def selects(self, name: str) -> bool:
        """Whether an app is selected: it is in the shard, and named if any are, and not excluded."""
        part, whole = self.shard
        in_shard = zlib.crc32(name.encode()) % whole == part - 1
        return in_shard and self.names(name)

    def names(self, name: str) -> bool:
        """Whether an app is selected by its name, in whatever shard it is."""
        return (not self.apps or matches(name, self.apps)) and not matches(name, self.exclude)
