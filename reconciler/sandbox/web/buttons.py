"""The buttons of the page, which are requests of the control API, and what pending faults will do, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.store import dumps
from reconciler.text import count

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import Tree


class Button(NamedTuple):
    """A button for the control API: its request and body, and what is said once that is done.

    ``said`` may name keys of the answer in braces; ``otherwise`` is said where the first of them is empty.
    """

    label: str
    help: str
    request: str
    body: str
    said: str
    otherwise: str = ""


_WILL = {
    "build": "fail in its build",
    "deploy": "fail in its deploy",
    "health": "fail its health checks",
    "platform": "fail by a fault of the platform",
    "hang": "hang while it deploys",
    "slow": "take ten times as long",
}
"""What the next deployment will do, by the kind of fault that has a button."""

_DOES = {
    "build": "fails in its build",
    "deploy": "fails in its deploy",
    "health": "fails its health checks",
    "platform": "fails by a fault of the platform",
    "hang": "hangs in {phase}",
    "slow": "takes {factor:g} times as long",
}
_NOUNS = {"rollback": "rollback", "platform": "rollback of the platform's own"}


def sentence(fault: Tree) -> str:
    """What a pending fault will do: ``the next deployment fails in its build``."""
    kind, left = fault["kind"], fault["remaining"]
    if kind in faults.REQUEST_FAULTS:
        times = "every time" if left is None else count(left, "time")
        return " ".join(filter(None, (kind, fault["operation"] and f"of {fault['operation']}", times)))
    noun = _NOUNS.get(fault["only"], "deployment")
    which = f"every {noun}" if left is None else f"the next {noun}" if left == 1 else f"each of the next {left} {noun}s"
    component = f" ({fault['component']})" if fault["component"] else ""
    return f"{which} {_DOES[kind].format_map(fault)}{component}"


def breaks(app: str) -> tuple[Button, ...]:
    """The buttons that break the next deployment of an app."""
    said = f"The next deployment of {app} will"
    return tuple(_break(kind, f"{said} {will}.", {"kind": kind, "app": app}) for kind, will in _WILL.items())


def break_rollback(app: str) -> Button:
    """The button that breaks the next rollback of an app."""
    said = f"The next rollback of {app} will fail in its deploy."
    return _break("deploy", said, {"kind": "deploy", "app": app, "only": "rollback"})


def _break(label: str, said: str, body: Tree) -> Button:
    return Button(label, said.removesuffix("."), "POST faults", dumps(body), said)


def push(app: str) -> Button:
    """The button that pushes a commit to the sources of an app."""
    return Button(
        "push a commit",
        f"Push a commit to the sources of {app}",
        "POST push",
        dumps({"app": app}),
        f"{app} deploys the pushed commit: {{deployment_id}}.",
        f"{app} has a new commit, but no component deploys on push, or the app is pinned.",
    )


CONTROLS = (
    Button("+1 min", "Advance the clock by 1 minute", "POST advance", '{"seconds":60}', "The clock moved by 1 min."),
    Button(
        "+10 min", "Advance the clock by 10 minutes", "POST advance", '{"seconds":600}', "The clock moved by 10 min."
    ),
    Button(
        "until quiet",
        "Advance the clock until quiet: no deployment is under way",
        "POST settle",
        "{}",
        "Nothing is under way any more; the clock moved by {seconds} s.",
        "Nothing is under way.",
    ),
    Button("clear faults", "Clear faults that wait", "DELETE faults", "{}", "No fault is waiting any more."),
)
"""The buttons for the whole sandbox."""
