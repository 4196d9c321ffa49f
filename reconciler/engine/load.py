"""Loads and validates what Git wants, offline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.appspec.secrets import credentials
from reconciler.config import Config
from reconciler.config_file import ConfigFile, check_names, check_probes, find_config, read_config
from reconciler.desired.load import escaping_links, find_specs
from reconciler.desired.load import load as load_specs
from reconciler.desired.policies import load_policies
from reconciler.desired.validate import validate_all
from reconciler.engine.options import RunOptions
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import Finding, has_errors, ranked
from reconciler.plan.secret_fingerprints import KEY_VARIABLE
from reconciler.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.desired.load import DesiredApp


@dataclass(frozen=True)
class Desired:
    """What Git wants: the selected apps, out of the ``known`` ones, and the findings about them."""

    apps: tuple[DesiredApp, ...]
    config: Config
    findings: tuple[Finding, ...]
    known: frozenset[str]
    keys: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def secrets(self) -> frozenset[str]:
        """Every value that must never reach an output."""
        return self.keys.union(*(app.secrets for app in self.apps))


def check(options: RunOptions) -> Desired:
    """Load and validate the specs; their problems are in the findings.

    Raises:
        UsageError: an app selected by name has no spec; with ``prune`` it may be one that Git no longer has.
        InvalidInput: the configuration cannot be used, or a link leads out of the ``checkout``.
    """
    file = _config_within(options.checkout, options) if options.checkout else read_config(options.config, options.specs)
    config = file.config
    loaded = load_specs(
        options.specs, config=config, environ=options.environ, variables=options.variables, strict=options.strict
    )
    policies, findings = load_policies(config.policies)
    known = frozenset(app.name for app in loaded.apps)
    unknown = sorted(options.apps - known)
    if unknown and not options.prune and not has_errors(loaded.findings):
        raise UsageError(f"no spec for app {unknown[0]}", hint=did_you_mean(unknown[0], known))
    probes = check_probes(file, {app.name: app.spec for app in loaded.apps})
    apps = tuple(app for app in loaded.apps if options.selects(app.name))
    if not options.show_live_values:
        apps = tuple(map(_with_credentials, apps))
    of_apps = validate_all(apps, strict=options.strict, policies=policies)
    findings = (*file.warnings, *loaded.findings, *findings, *check_names(file, known), *probes, *of_apps)
    if options.prune:
        from reconciler.engine.prune import set_aside

        findings = set_aside(findings)
    keys = frozenset(filter(None, [options.environ.get(KEY_VARIABLE)]))
    keys = keys.union(*(config.policy(name).secret_values for name in known))
    return Desired(apps, config, tuple(ranked(list(findings))), known, keys)


def _with_credentials(app: DesiredApp) -> DesiredApp:
    """The app; what looks like a credential in it is a secret as well."""
    values = frozenset(value for _, value, _ in credentials(app.spec))
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
        found = escaping_links([*find_specs(options.specs, [], policies=str(policies)), *rules], checkout)
    if found:
        raise InvalidInput(found)
    return file


def load(options: RunOptions, seen: Callable[[Desired], None] = lambda _: None) -> Desired:
    """Load and validate the specs. ``seen`` is called with them even if they are invalid.

    Raises:
        InvalidInput: a spec or the configuration cannot be used; no request was sent.
    """
    desired = check(options)
    seen(desired)
    if has_errors(desired.findings):
        raise InvalidInput(desired.findings)
    return desired
