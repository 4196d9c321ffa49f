"""What a run hands back, and how it reads on GitHub: in outputs, in the report, for a fork. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.exit_codes import Exit
from reconciler.findings import has_errors
from reconciler.github.ownership import key_of
from reconciler.plan.model import Action, Cost, SyncStatus
from reconciler.redaction import Redactor
from reconciler.rollout.model import OutcomeKind
from reconciler.views.lines import inert

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.clock import Clock
    from reconciler.findings import Finding
    from reconciler.github.context import EventContext
    from reconciler.github.inputs import Inputs
    from reconciler.github.previews import Handled
    from reconciler.github.rollouts import RolloutDeployments
    from reconciler.notify.bulletin import Bulletin
    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutReport

_MOST_APPS = 1000
_OF_AN_APP = ("app_id", "live_url", "deployment_id", "phase", "console_url")

_BROKEN_OFF = frozenset({Exit.ERROR, Exit.USAGE, Exit.INTERRUPTED})
"""Exit codes of incomplete runs."""

_UNSETTLED = frozenset({SyncStatus.PROGRESSING, SyncStatus.UNKNOWN})
"""Neither drift nor in sync: a deployment is in progress, or App Platform could not be asked."""

_GONE_BACK = frozenset({OutcomeKind.ROLLED_BACK, OutcomeKind.PINNED})
_PRICED = frozenset({OutcomeKind.APPLIED, OutcomeKind.DELETED, OutcomeKind.LEFT})
"""Outcomes after which the change is in place and costs what was planned."""

_STAYED = _PRICED | {
    OutcomeKind.DEGRADED,
    OutcomeKind.ROLLBACK_FAILED,
    OutcomeKind.TIMED_OUT,
    OutcomeKind.INTERRUPTED,
}
"""Outcomes after which something was changed for good; those not priced have an unknown cost."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run, as this package needs it.

    ``exit_code`` is the command line's. ``text`` is for the log, ``markdown`` for GitHub: it takes a limit in
    characters. ``annotations`` are finished ``::error …`` lines, ``sarif`` a finished document. ``plan`` of a plan or
    a drift detection, ``rollout`` of an apply. ``plan_file`` is where the plan was saved, ``report_file`` where the
    ``page`` was written; ``logs`` are folded, with their titles. ``preview`` is what became of previews,
    ``deployments`` shows rollouts on GitHub, and ``bulletin`` is what messages may be about.
    """

    exit_code: Exit
    text: str = ""
    markdown: Callable[[int], str] | None = None
    plan: PlanReport | None = None
    rollout: RolloutReport | None = None
    findings: tuple[Finding, ...] = ()
    annotations: tuple[str, ...] = ()
    sarif: str = ""
    plan_file: str = ""
    page: str = ""
    report_file: str = ""
    logs: tuple[tuple[str, str], ...] = ()
    preview: Handled | None = None
    deployments: RolloutDeployments | None = None
    bulletin: Bulletin | None = None

    @property
    def broken_off(self) -> bool:
        """Whether the run was incomplete."""
        return self.exit_code in _BROKEN_OFF

    @property
    def unknown(self) -> bool:
        """Whether App Platform could be asked about some of the apps only."""
        plans = self.plan.plans if self.plan else ()
        return any(plan.status is SyncStatus.UNKNOWN for plan in plans)

    @property
    def is_noteworthy(self) -> bool:
        """Whether it is worth a new comment: not if nothing differs or nothing could be compared."""
        planned = self.plan is not None and any(plan.action is not Action.NONE for plan in self.plan.plans)
        done = self.rollout is not None and any(
            record.outcome.kind is not OutcomeKind.UNCHANGED for record in self.rollout.records
        )
        if self.rollout is None and self.broken_off and not self.unknown:
            return False
        found = self.findings or (self.plan is not None and self.plan.findings)
        return bool(planned or done or found or self.exit_code)


NOTHING_KNOWN = {
    "changes": "",
    "drift": "",
    "exit-code": "",
    "apps": "[]",
    "plan-file": "",
    "report-file": "",
    "rolled-back": "",
    "cost-delta": "",
    "results": "{}",
    "app-id": "",
    "live-url": "",
    "deployment-id": "",
    "phase": "",
    "console-url": "",
    "url": "",
    "previews": "{}",
}
"""The outputs of a run of unknown result; each name is also in ``action.yml``."""


def output_values(result: Result) -> dict[str, str]:
    """The step's outputs."""
    drifted = drifting(result)
    return {
        **NOTHING_KNOWN,
        "changes": str(_changes(result)) if result.plan or result.rollout else "",
        "drift": "" if drifted is None else str(bool(drifted)).lower(),
        "exit-code": str(result.exit_code),
        "apps": json.dumps(_apps(result), ensure_ascii=True, separators=(",", ":")),
        "plan-file": result.plan_file,
        "report-file": result.report_file,
        "rolled-back": " ".join(_rolled_back(result)),
        "cost-delta": _cost_delta(result),
        **_results(result),
        **_previews(result),
    }


def _previews(result: Result) -> dict[str, str]:
    """Every preview by its app's name, and the address of a single one: only healthy ones have an address."""
    states = result.preview.done.states if result.preview else ()
    every = {
        one.app: {"name": one.name, "state": one.state, "url": one.url if one.state == "healthy" else ""}
        for one in states[:_MOST_APPS]
    }
    url = every[states[0].app]["url"] if len(states) == 1 else ""
    return {"url": url, "previews": json.dumps(every, ensure_ascii=True, separators=(",", ":"))}


def _results(result: Result) -> dict[str, str]:
    """Every app by name, and the values of a single one as outputs of their own."""
    every: dict[str, dict[str, str]] = {}
    if result.rollout is not None:
        for record in result.rollout.records[:_MOST_APPS]:
            values = {name: getattr(record, name) for name in _OF_AN_APP}
            every[record.app] = values | {"outcome": record.outcome.kind.value}
    elif result.plan is not None:
        every = {plan.app: {"app_id": plan.app_id} for plan in result.plan.plans[:_MOST_APPS]}
    results = {"results": json.dumps(every, ensure_ascii=True, separators=(",", ":"))}
    if len(every) != 1:
        return results
    (single,) = every.values()
    return results | {name.replace("_", "-"): single.get(name, "") for name in _OF_AN_APP}


def drifting(result: Result) -> tuple[Plan, ...] | None:
    """The plans of apps that differ from Git; None if unknown: not compared, or still deploying."""
    if result.plan is None or (result.broken_off and not result.unknown) or has_errors(result.plan.findings):
        return None
    drifted = tuple(plan for plan in result.plan.plans if plan.status not in (SyncStatus.IN_SYNC, *_UNSETTLED))
    unsettled = any(plan.status in _UNSETTLED for plan in result.plan.plans)
    return None if unsettled and not drifted else drifted


def fingerprint(plans: tuple[Plan, ...]) -> str:
    """A digest of these plans that changes with an app, Git or App Platform. Empty for no plans."""
    if not plans:
        return ""
    parts = sorted(
        [plan.app, plan.status, plan.action, plan.desired_digest, plan.live_digest]
        + ([plan.alerts_digest] if plan.alerts_digest else [])
        for plan in plans
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def digest(result: Result) -> str:
    """A digest of a plan's content, to compare two comments at a glance; empty without a plan."""
    return fingerprint(result.plan.plans) if result.plan else ""


def _changes(result: Result) -> int:
    """The number of apps that were changed for good, or that would be changed."""
    if result.rollout is not None:
        return sum(record.outcome.kind in _STAYED for record in result.rollout.records)
    return sum(plan.writes for plan in result.plan.plans) if result.plan else 0


def _apps(result: Result) -> list[dict[str, object]]:
    """A summary of each app; apps in sync are omitted."""
    apps: list[dict[str, object]] = []
    if result.rollout is not None:
        apps += (
            {"app": record.app, "action": record.action.word, "outcome": record.outcome.kind.value}
            for record in result.rollout.records
            if record.outcome.kind is not OutcomeKind.UNCHANGED
        )
    elif result.plan is not None:
        apps += (
            {"app": plan.app, "action": plan.action.word, "status": plan.status.value}
            | ({} if plan.cost.delta is None else {"cost_delta": plan.cost.delta})
            for plan in result.plan.plans
            if plan.action is not Action.NONE or plan.status is not SyncStatus.IN_SYNC
        )
    return apps[:_MOST_APPS]


def _rolled_back(result: Result) -> list[str]:
    records = result.rollout.records if result.rollout else ()
    return [record.app for record in records if record.outcome.kind in _GONE_BACK]


def _cost_delta(result: Result) -> str:
    """USD per month of the apps whose costs are known; empty if there are none."""
    if result.rollout is not None:
        stayed = [record for record in result.rollout.records if record.outcome.kind in _STAYED]
        costs = [record.cost if record.outcome.kind in _PRICED else Cost() for record in stayed]
    elif result.plan is not None:
        costs = [plan.cost for plan in result.plan.plans if plan.writes]
    else:
        return ""
    known = [cost.delta for cost in costs if cost.delta is not None]
    return f"{sum(known):.2f}" if known or not costs else ""


# --- One run of the action, and its report ---


_MARKUP = re.compile(r"[^\w ./-]")


@dataclass(frozen=True, slots=True)
class ActionRun:
    """The inputs of one run. ``out`` prints a line of the log; ``preface`` precedes any report.

    ``transport`` replaces the network to GitHub in tests.
    """

    inputs: Inputs
    context: EventContext
    clock: Clock
    out: Callable[[str], None]
    transport: httpx.AsyncBaseTransport | None = None
    preface: str = ""

    @property
    def key(self) -> str:
        """The key of comments and issues: config, specs, environment and selection of apps."""
        inputs = self.inputs
        part, whole = inputs.shard
        shard = f"{part}/{whole}" if whole > 1 else ""
        specs = "\n".join(sorted(inputs.own_specs or inputs.specs))
        apps = ",".join([*sorted(inputs.apps), *sorted(f"!{app}" for app in inputs.exclude)])
        return key_of(inputs.config, inputs.environment, specs, apps, shard)

    def redact(self, text: str) -> str:
        """The text without tokens."""
        return Redactor((self.inputs.token, self.inputs.github_token))(text)

    def report(self, result: Result) -> Callable[[int], str]:
        """The report as markdown for a limit in characters, with environment, commit, run and digest."""
        head = self._heading() + self.preface
        end = self._footer(result)

        def render(limit: int) -> str:
            room = max(0, limit - len(head) - len(end))
            body = result.markdown(room) if result.markdown else ""
            return self.redact(f"{head}{body.rstrip()}{end}")

        return render

    def _heading(self) -> str:
        # A pull request can have a comment per environment; markup in a name is removed.
        name = _MARKUP.sub("", self.inputs.environment).strip()
        return f"## reconcile {self.inputs.mode}{f': {name}' if name else ''}\n\n"

    def _footer(self, result: Result) -> str:
        context = self.context
        parts = [f"commit {context.head_sha}"] if context.head_sha else []
        if context.run_url:
            parts.append(f"[run and summary]({context.run_url})")
            parts += [f"[report, once it is uploaded]({context.run_url}#artifacts)"] if result.report_file else []
        name = digest(result)
        if name:
            parts.append(f"digest `{name}`")
        return f"\n\n<sub>{' · '.join(parts)}</sub>\n" if parts else "\n"

    def warn(self, text: str) -> None:
        """A warning in the log and on the run's page."""
        self.out(f"::warning title=reconcile::{escape_data(inert_lines(self.redact(text)))}")


def inert_lines(text: str) -> str:
    """A text with names from outside in it: none of its characters moves a cursor or turns the direction of text."""
    return "\n".join(map(inert, text.splitlines()))


def escape_data(text: str) -> str:
    """A workflow command's data: percent signs and line ends are escaped, in this order."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
