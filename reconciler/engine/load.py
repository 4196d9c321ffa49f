"""Load and validate what Git wants; nothing is asked of the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.config import Config
from reconciler.config_file import ConfigFile, check_names, check_probes, did_you_mean, read_config
from reconciler.desired.load import load as load_specs
from reconciler.desired.policies import load_policies
from reconciler.desired.validate import validate_all
from reconciler.engine.options import RunOptions
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import Finding, has_errors, ranked
from reconciler.plan.secret_fingerprints import KEY_VARIABLE

if TYPE_CHECKING:
    from reconciler.desired.model import DesiredApp


@dataclass(frozen=True)
class Desired:
    """What Git wants: the apps that were asked for, out of ``known`` ones, and what is to be said of them."""

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
    """Load and judge the specs; what is wrong with them is in the findings.

    Raises:
        UsageError: an app that is asked for by name is in no spec; with ``prune`` it may be one that Git no longer has.
    """
    file: ConfigFile = read_config(options.config, options.specs)
    config = file.config
    loaded = load_specs(
        options.specs, config=config, environ=options.environ, variables=options.variables, strict=options.strict
    )
    policies, findings = load_policies(config.policies)
    known = frozenset(app.name for app in loaded.apps)
    unknown = sorted(options.apps - known)
    if unknown and not options.prune and not has_errors(loaded.findings):
        raise UsageError(f"no spec describes an app {unknown[0]}", hint=did_you_mean(unknown[0], known))
    probes = check_probes(file, {app.name: app.spec for app in loaded.apps})
    findings = (*loaded.findings, *findings, *check_names(file, known), *probes)
    apps = tuple(app for app in loaded.apps if options.selects(app.name))
    findings = (*findings, *validate_all(apps, strict=options.strict, policies=policies))
    findings = (*file.warnings, *findings)
    if options.prune:
        from reconciler.engine.prune import set_aside

        findings = set_aside(findings)
    keys = frozenset(filter(None, [options.environ.get(KEY_VARIABLE)]))
    return Desired(apps, config, tuple(ranked(list(findings))), known, keys)


def load(options: RunOptions) -> Desired:
    """Load and judge the specs.

    Raises:
        InvalidInput: a spec or the configuration cannot be used; nothing was asked of the network.
    """
    return usable(check(options))


def usable(desired: Desired) -> Desired:
    """The same, if it can be planned.

    Raises:
        InvalidInput: a spec or the configuration cannot be used.
    """
    if has_errors(desired.findings):
        raise InvalidInput(desired.findings)
    return desired
