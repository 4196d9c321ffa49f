"""`reconcile notify test`: a harmless message to every channel. Annotations are not strings, see `options`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from reconciler.cli.connect import missing_extra
from reconciler.cli.console import Console, plain, show
from reconciler.clock import SystemClock
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.config_notify import Channel

app = App(name="notify", help="Messages about rollouts and drift, see `notify` in reconcile.yaml.")


@app.command(name="test")
def try_out(
    *,
    config: Annotated[Path | None, Parameter(help="reconcile.yaml [default: the nearest]")] = None,
    env: Annotated[str, Parameter(help="environment of reconcile.yaml whose channels are meant")] = "",
) -> int:
    """Send a harmless message to every channel, and say what came of each; exit 1 if one did not take it."""
    import asyncio

    from reconciler.cli.environments import in_environment
    from reconciler.cli.options import Connection
    from reconciler.config_notify import secrets_of
    from reconciler.notify.messages import Occasion
    from reconciler.notify.send import Sender

    _, file, _ = in_environment(env, config, Connection())
    channels = file.config.notify
    if not channels:
        raise UsageError("there is no channel", hint="add one under `notify` in reconcile.yaml")
    _check_extra(channels)
    console, clock = Console(), SystemClock()
    console.keep_secret(secrets_of(channels, os.environ))
    sent = asyncio.run(Sender(os.environ, clock).try_out(channels, Occasion(env, clock.now())))
    for one in sent:
        show(plain(console.redact(one.warning or f"sent to {one.channel}")))
    return Exit.ERROR if any(one.problem for one in sent) else Exit.OK


def _check_extra(channels: "Sequence[Channel]") -> None:
    """Refuse to test channels of apprise where it is not installed.

    Raises:
        UsageError: it is not; the hint says how to install it.
    """
    from importlib.util import find_spec

    if any(channel.url for channel in channels) and find_spec("apprise") is None:
        raise missing_extra("notify", ModuleNotFoundError("apprise", name="apprise"))
