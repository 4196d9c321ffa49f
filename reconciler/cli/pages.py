"""Pages of the command line: where a report comes from, and the views that make it; imported for HTML alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.cli.options import API_URL
from reconciler.clock import SystemClock
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
    from reconciler.live.models import Deployment
    from reconciler.plan.figures import Figures
    from reconciler.redaction import Redactor
    from reconciler.rollout.model import RolloutReport


@dataclass(frozen=True)
class Setting:
    """What a page says of a run besides its reports: see `views.html.model.About` and `Fleet`."""

    environment: str = ""
    account: str = ""
    address: str = ""
    freeze: str = ""
    histories: Mapping[str, AppHistory] = field(default_factory=dict)

    @classmethod
    def of(cls, planned: Planned, connection: Connection) -> Setting:
        """The setting of a run, without any request: the past of apps as far as planning had to read it."""
        now, config = SystemClock().now(), planned.config
        account = config.account
        return cls(
            planned.options.environment,
            (account.team or account.uuid) if account else "",
            address_of(connection),
            frozen(config.freeze, now),
            histories(planned),
        )

    def about(self, title: str, notes: Sequence[str] = ()) -> About:
        """The head of a page that is made now."""
        title = f"{title} · {self.environment}" if self.environment else title
        made = SystemClock().now()
        return About(title, made, __version__, self.account, self.address, self.freeze, tuple(notes))


def address_of(connection: Connection) -> str:
    """Which App Platform it is; empty for the vendor's."""
    return "the embedded sandbox" if connection.sandbox else connection.api_url.removesuffix(API_URL)


def histories(
    planned: Planned,
    deployments: Mapping[str, Sequence[Deployment]] = MappingProxyType({}),
    figures: Mapping[str, Figures] = MappingProxyType({}),
) -> dict[str, AppHistory]:
    """The past of each live app: its ``deployments``, else those that planning had to read."""
    now = SystemClock().now()
    return {
        name: history(
            AppStatus(app.live, deployments.get(name, app.deployments), policy=app.policy), now, figures.get(name)
        )
        for app in planned.apps
        if app.live is not None and (name := app.plan.app)
    }


def plan(report: PlanReport, setting: Setting, redact: Redactor, *, drift: bool) -> str:
    """A plan or a drift report, which is redacted already."""
    title = "reconcile drift" if drift else "reconcile plan"
    one = Fleet(report, environment=setting.environment, histories=redact.within(dict(setting.histories)))
    return pages.fleet([one], setting.about(title))


def rollout(report: RolloutReport, planned: PlanReport | None, setting: Setting, redact: Redactor) -> str:
    """What a run did; both reports are redacted already."""
    past = redact.within(dict(setting.histories))
    one = Fleet(planned or PlanReport(()), report, setting.environment, past)
    return pages.fleet([one], setting.about("reconcile apply"))


def environments(plans: Sequence[tuple[str, PlanReport]], *, drift: bool) -> str:
    """The plans of several environments as one page."""
    about = Setting().about("reconcile drift" if drift else "reconcile plan")
    return pages.fleet([Fleet(report, environment=name) for name, report in plans], about)


def findings(found: Sequence[Finding]) -> str:
    """Findings of specs."""
    return pages.findings(found, Setting().about("reconcile validate"))
