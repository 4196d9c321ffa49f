"""Injected faults: what goes wrong, for which app, operation or share of requests, and how often.

Faults are stored in the database, so that `reconcile sandbox fail` reaches a sandbox of another process. Whether a
fault strikes depends on its own seed and count alone, so that a run can be repeated.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from reconciler.appspec.kinds import components
from reconciler.sandbox.simulation.lifecycle import PHASES
from reconciler.sandbox.simulation.store import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.sandbox.simulation.store import App, Tree, Tx

DeploymentFault = Literal["build", "deploy", "health", "platform", "hang", "slow"]
RequestFault = Literal[
    "rate_limit", "server_error", "gateway_timeout", "reset_before", "reset_after", "latency", "truncated"
]
DEPLOYMENT_FAULTS: tuple[str, ...] = get_args(DeploymentFault)
REQUEST_FAULTS: tuple[str, ...] = get_args(RequestFault)

ROLLBACKS = ("MANUAL_ROLLBACK", "AUTO_ROLLBACK")
"""Types of deployments that restore an earlier one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to inject.

    kind        ``build`` ``deploy``  the deployment ends in ERROR there
                ``health``            it becomes ACTIVE, and then the component is UNHEALTHY (``seconds`` later)
                ``platform``          its build ends in ERROR by a fault of the platform: ``code`` InternalError,
                                      BuildRateLimit, ResourceExhausted, or ``none`` for no reason at all
                ``hang``              it never leaves ``phase``
                ``slow``              its phases take ``factor`` times as long
                ``rate_limit``        429; ``seconds`` is the retry-after
                ``server_error``      5xx (``status``, else 500) as JSON
                ``gateway_timeout``   504 (or ``status``), HTML unless the settings differ; nothing is carried out
                ``reset_before``      the connection breaks before the request is carried out
                ``reset_after``       the connection breaks after the request took effect
                ``latency``           the response takes ``seconds`` longer
                ``truncated``         the response's body is cut in half
    app         only the app with this name or id; empty: all
    operation   only requests of this operation (``apps_update`` …), or of a method (``GET``); empty: all
    component   the component that fails; empty: the first that can
    times       how often it strikes; None: until it is cleared
    share       the share of the chances at which it strikes, from 0 to 1, drawn by ``seed``
    only        ``forward``: only deployments that are no rollback; ``rollback``: only rollbacks;
                ``platform``: only rollbacks that the platform makes by itself
    code        reason code of the failing step; ``message``: its message
    """

    kind: str
    app: str = ""
    operation: str = ""
    component: str = ""
    times: int | None = 1
    share: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    factor: float = 10.0
    phase: str = "DEPLOYING"
    status: int = 0
    only: str = ""
    code: str = ""
    message: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Fault:
        """A fault from plain data.

        Raises:
            ValueError: unknown field or kind, or invalid value.
        """
        hints = get_type_hints(cls)
        unknown = sorted(set(data) - {item.name for item in fields(cls)})
        if unknown or "kind" not in data:
            raise ValueError(f"unknown field {unknown[0]!r}" if unknown else "kind is required")
        for name, value in data.items():
            kind = (int, float) if hints[name] is float else hints[name]
            fits = isinstance(value, kind) and not isinstance(value, bool)
            if not fits:
                raise ValueError(f"{name} has the wrong type")
        fault = cls(**data)
        if fault.kind not in DEPLOYMENT_FAULTS + REQUEST_FAULTS:
            raise ValueError(f"kind must be one of {', '.join(DEPLOYMENT_FAULTS + REQUEST_FAULTS)}")
        if fault.phase not in PHASES:
            raise ValueError(f"phase must be one of {', '.join(PHASES)}")
        if fault.only not in ("", "forward", "rollback", "platform"):
            raise ValueError("only must be forward, rollback or platform")
        return fault


def add(tx: Tx, fault: Fault) -> int:
    """Store a fault; return its id."""
    tx.sql("INSERT INTO faults (doc, remaining) VALUES (?, ?)", dumps(asdict(fault)), fault.times)
    return int(tx.sql("SELECT last_insert_rowid()")[0][0])


def listed(tx: Tx) -> list[Tree]:
    """The pending faults, with ``id``, ``remaining`` and ``seen`` (the chances they had so far)."""
    rows = tx.sql("SELECT id, doc, remaining, seen FROM faults ORDER BY id")
    return [{"id": number, **loads(doc), "remaining": left, "seen": seen} for number, doc, left, seen in rows]


def any_for_requests(tx: Tx) -> bool:
    """Whether any pending fault concerns requests; cheap."""
    rows = tx.sql("SELECT doc FROM faults")
    return any(loads(doc)["kind"] in REQUEST_FAULTS for (doc,) in rows)


def for_request(tx: Tx, operation: str, method: str, names: set[str]) -> list[Fault]:
    """The faults that strike this request, each used up once. ``names``: id and name of the app it concerns."""
    return list(_striking(tx, REQUEST_FAULTS, names, {operation, method}))


def fate(tx: Tx, app: App, spec: Tree, kind: str) -> Tree | None:
    """What the pending faults do to a deployment of a type that is created now; each is used up once.

    Returns:
        ``fails`` (build, deploy, health), ``component``, ``code``, ``message``, ``after`` (seconds until it
        is unhealthy), ``hangs`` (a phase), ``slow`` (a factor), each only if it applies; None without faults.
    """
    out: Tree = {}
    sides = {"rollback" if kind in ROLLBACKS else "forward", "platform" if kind == "AUTO_ROLLBACK" else ""}
    for fault in _striking(tx, DEPLOYMENT_FAULTS, {app.id, app.name}, sides):
        if fault.kind == "hang":
            out["hangs"] = fault.phase
        elif fault.kind == "slow":
            out["slow"] = fault.factor
        elif "fails" not in out:
            component = fault.component or _victim(spec, fault.kind)
            code, message = _reason(fault, spec, component)
            where = "build" if fault.kind == "platform" else fault.kind
            out |= {"fails": where, "component": component, "code": code, "message": fault.message or message}
            out["after"] = fault.seconds
    return out or None


def _striking(tx: Tx, kinds: tuple[str, ...], names: set[str], what: set[str]) -> Iterator[Fault]:
    """The matching faults that strike. A second fault that fails a deployment waits for the next deployment."""
    failed = False
    for number, doc, remaining, seen in tx.sql("SELECT id, doc, remaining, seen FROM faults ORDER BY id"):
        fault = Fault(**loads(doc))
        wanted = fault.only if kinds is DEPLOYMENT_FAULTS else fault.operation
        if fault.kind not in kinds or (fault.app and fault.app not in names) or (wanted and wanted not in what):
            continue
        fatal = fault.kind in ("build", "deploy", "health", "platform")
        if fatal and failed:
            continue
        strikes = _draw(fault.seed, number, seen) < fault.share
        failed = failed or (fatal and strikes)
        left = remaining - 1 if strikes and remaining is not None else remaining
        if left == 0:
            tx.sql("DELETE FROM faults WHERE id = ?", number)
        else:
            tx.sql("UPDATE faults SET remaining = ?, seen = seen + 1 WHERE id = ?", left, number)
        if strikes:
            yield fault


def _draw(seed: int, number: int, seen: int) -> float:
    """A number in [0, 1) derived from the seed, the fault and the count of its chances."""
    raw = hashlib.sha256(f"{seed}:{number}:{seen}".encode()).digest()
    return int.from_bytes(raw[:6], "big") / 2**48


def _victim(spec: Tree, kind: str) -> str:
    """The component that fails where the fault names none."""
    if kind == "build":
        found = [item["name"] for _, item in components(spec) if not item.get("image")]
    else:
        found = [
            item["name"] for _, item in components(spec, ("services", "workers", "jobs", "static_sites", "functions"))
        ]
    return str(found[0]) if found else ""


_INTERNAL = "An internal error occurred. Contact support if this persists."
_MESSAGES = {
    "InternalError": _INTERNAL,
    "BuildJobExitNonZero": "Your build job failed because it returned a non-zero exit code.",
    "BuildJobTerminated": "Your build job failed because it was terminated.",
    "DeployContainerExitNonZero": "Your deploy failed because your container exited with a non-zero exit code.",
    "DeployContainerHealthChecksFailed": "Your deploy failed because your container did not respond to health checks.",
}
"""Messages by reason code. The codes are recorded, and so is what the first two messages say."""


def _reason(fault: Fault, spec: Tree, component: str) -> tuple[str, str]:
    """Reason code ("" for none) and message of a failing step."""
    if fault.kind == "platform":
        code = fault.code or "InternalError"
        return "" if code == "none" else code, _INTERNAL
    usual = _usual_code(fault.kind, spec, component)
    code = fault.code or usual
    return code, _MESSAGES.get(code, _MESSAGES[usual])


def _usual_code(kind: str, spec: Tree, component: str) -> str:
    if kind == "build":
        return "BuildJobExitNonZero"
    where = next((found for found, item in components(spec) if item["name"] == component), "services")
    return "DeployContainerHealthChecksFailed" if where == "services" else "DeployContainerExitNonZero"
