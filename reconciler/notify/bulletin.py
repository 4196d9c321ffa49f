"""What a run has to say, and what of it was said before. Pure.

There is no state file. What was said is read from where it is seen: the drift issue (`github.issue`), the deployments
on GitHub (`github.rollouts`), and else the platform's own history; see docs/decisions/020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.config_notify import Channel
from reconciler.notify import messages
from reconciler.notify.memory import Memory
from reconciler.notify.messages import News, Occasion
from reconciler.plan.platform import own_rollbacks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.engine.apply import Finished
    from reconciler.live.models import Deployment
    from reconciler.redaction import Redactor


@dataclass(frozen=True)
class Bulletin:
    """What a run may say, and to whom. ``since``: the newest deployment of App Platform of each app that it only found.

    ``settled``: those of them whose history shows that a run or a person rolled them back, which is known since then.
    """

    channels: tuple[Channel, ...]
    occasion: Occasion
    news: tuple[News, ...]
    since: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def due(self, memory: Memory) -> tuple[News, ...]:
        """What is news: changes of state, and what no message was about yet."""
        known = self.settled if memory.found is None else memory.found
        news = (one for one in self.news if not (one.found and one.app in known))
        if memory.begun is not None:
            news = (one for one in news if one.app in (memory.begun or ()) or not one.found)
        return (*news, *messages.drift_ended(memory.ended))


def of(finished: Finished, redact: Redactor, at: datetime, run_url: str = "") -> Bulletin | None:
    """What a run has to say; None where there is nobody to say it to.

    A plan says nothing, and neither does a rehearsal in the embedded sandbox.
    """
    planned = finished.planned
    options, channels = planned.options, tuple(planned.config.notify)
    if not channels or options.rehearsal or finished.declined or not (finished.rollout or options.drift):
        return None
    bulletin = Bulletin(
        channels, Occasion(options.environment or options.label, at, run_url), (), environ=options.environ
    )
    if finished.rollout is None:
        return replace(bulletin, news=messages.of_drift(redact.within(planned.report)))
    news = messages.of_rollout(redact.within(finished.rollout))
    found = {one.app for one in news if one.found}
    history = {app.plan.app: app.deployments for app in planned.apps if app.plan.app in found and app.deployments}
    since = {app: deployments[0].id for app, deployments in history.items()}
    settled = frozenset(app for app, deployments in history.items() if _was_rolled_back(deployments))
    return replace(bulletin, news=news, since=since, settled=settled)


def _was_rolled_back(deployments: Sequence[Deployment]) -> bool:
    """Whether a run or a person rolled back last: the platform's own rollback may have gone unseen."""
    newest = deployments[0]
    return newest.is_rollback and newest.id not in own_rollbacks(deployments)
