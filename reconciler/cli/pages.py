"""Pages of the command line and the action: what a run knows besides its reports; imported for HTML alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.cli.options import API_URL
from reconciler.plan.guard import frozen
from reconciler.plan.model import PlanReport
from reconciler.views.app_status import AppStatus
from reconciler.views.html import pages
from reconciler.views.html.history import AppHistory, history
from reconciler.views.html.model import About, Fleet

if TYPE_CHECKING:
    from reconciler.cli.options import Connection
    from reconciler.engine.planner import Planned
    from reconciler.findings import Finding
    from reconciler.live.models import Deployment, Health
    from reconciler.plan.figures import Figures
    from reconciler.redaction import Redactor
    from reconciler.rollout.model import RolloutReport


@dataclass(frozen=True)
class Setting:
    """What a page says of a run besides its reports: see `views.html.model.About` and `Fleet`."""

    now: datetime
    environment: str = ""
    account: str = ""
    address: str = ""
    freeze: str = ""
    histories: Mapping[str, AppHistory] = field(default_factory=dict)

    @classmethod
    def of(cls, planned: Planned, connection: Connection, now: datetime) -> Setting:
        """The setting of a run, without any request: the past of apps as far as planning had to read it."""
        account = planned.config.account
        return cls(
            now,
            planned.options.environment or planned.options.label,
            (account.team or account.uuid) if account else "",
            address_of(connection),
            frozen(planned.config.freeze, now),
            histories(planned, now),
        )

    def about(self, title: str) -> About:
        """The head of a page."""
        return About(title, self.now, __version__, self.account, self.address, self.freeze)

    def plan(self, report: PlanReport, redact: Redactor, *, drift: bool) -> str:
        """A page of a plan or a drift report, which is redacted already."""
        one = Fleet(report, environment=self.environment, histories=redact.within(dict(self.histories)))
        return pages.fleet([one], self.about(_title(drift=drift)))

    def rollout(self, report: RolloutReport, planned: PlanReport | None, redact: Redactor) -> str:
        """A page of what a run did, a rollback by hand if nothing was planned; both reports are redacted already."""
        past = redact.within(dict(self.histories))
        one = Fleet(planned or PlanReport(()), report, self.environment, past)
        return pages.fleet([one], self.about("reconcile apply" if planned else "reconcile rollback"))

    def environments(self, plans: Sequence[tuple[str, PlanReport]], *, drift: bool) -> str:
        """The plans of several environments as one page."""
        fleets = [Fleet(report, environment=name) for name, report in plans]
        return pages.fleet(fleets, self.about(_title(drift=drift)))

    def findings(self, found: Sequence[Finding]) -> str:
        """A page of findings of specs."""
        return pages.findings(found, self.about("reconcile validate"))


def _title(*, drift: bool) -> str:
    return "reconcile drift" if drift else "reconcile plan"


def address_of(connection: Connection) -> str:
    """Which App Platform it is; empty for the vendor's."""
    return "the embedded sandbox" if connection.sandbox else connection.api_url.removesuffix(API_URL)


def histories(
    planned: Planned,
    now: datetime,
    deployments: Mapping[str, Sequence[Deployment]] = MappingProxyType({}),
    health: Mapping[str, Health | None] = MappingProxyType({}),
    figures: Mapping[str, Figures] = MappingProxyType({}),
) -> dict[str, AppHistory]:
    """The past of each live app: its ``deployments``, else those that planning had to read; its ``health``, if read."""
    return {
        name: history(
            AppStatus(app.live, deployments.get(name, app.deployments), health.get(name), app.policy),
            now,
            figures.get(name),
        )
        for app in planned.apps
        if app.live is not None and (name := app.plan.app)
    }
