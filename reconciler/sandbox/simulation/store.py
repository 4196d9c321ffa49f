"""The sandbox's state in SQLite: short transactions, crash-safe, shared by several processes.

WAL mode: readers never wait for a writer, and a process that dies at any moment leaves only complete transactions. A
writer takes the lock first (BEGIN IMMEDIATE), so that what it has read cannot change before it writes.
"""

from __future__ import annotations

import hmac
import json
import os
import sqlite3
import threading
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic_core import from_json, to_json

from reconciler.appspec.kinds import COMPONENT_KINDS
from reconciler.errors import ReconcileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Tree = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS apps (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, due_at REAL,
    project_id TEXT NOT NULL, is_static INTEGER NOT NULL, doc TEXT NOT NULL, body TEXT);
CREATE INDEX IF NOT EXISTS apps_due ON apps (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS apps_static ON apps (is_static) WHERE is_static;
CREATE TABLE IF NOT EXISTS deployments (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, app_id TEXT NOT NULL, kind TEXT NOT NULL, phase TEXT NOT NULL,
    was_active INTEGER NOT NULL, due_at REAL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deployments_app ON deployments (app_id, seq);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, app_id TEXT NOT NULL, type TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_app ON events (app_id, seq);
CREATE TABLE IF NOT EXISTS invocations (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, app_id TEXT NOT NULL, job TEXT NOT NULL,
    deployment_id TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS invocations_app ON invocations (app_id, seq);
CREATE TABLE IF NOT EXISTS destinations (alert_id TEXT PRIMARY KEY, app_id TEXT NOT NULL, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, doc TEXT NOT NULL, remaining INTEGER, seen INTEGER NOT NULL DEFAULT 0);
"""

VERSION = "1"
"""The version of the schema; a file of another version is left untouched."""

_ANOTHER_FILE = "delete the file, or name another; it holds nothing but the sandbox's state"

TABLES = ("apps", "deployments", "events", "invocations", "destinations", "faults")
"""The tables with the platform's content; `meta` has the sandbox's own."""


def dumps(value: Any) -> str:
    """Compact JSON, in a quarter of the time that `json` takes."""
    try:
        return to_json(value, inf_nan_mode="constants").decode()
    except ValueError:  # half of a surrogate pair, or nested more deeply than it allows
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Any:
    """What `dumps` made a text of."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def make_id(key: bytes, *parts: object) -> str:
    """A UUID (in the form of version 4) derived from the key and the parts."""
    return str(UUID(bytes=hmac.digest(key, ":".join(map(str, parts)).encode(), "sha256")[:16], version=4))


@dataclass(slots=True)
class App:
    """An app as stored. Times are seconds since 1970. ``body``: its cached response while nothing is due, else None.

    ``before_rollback`` is the spec that a revert restores; ``heads`` counts the pushes to each component's source;
    ``health`` and ``counts`` are overrides by component, set by the control API and by autoscaling events. Scheduled
    jobs have run until ``schedules_at``; at ``restore_at`` the platform undoes the failed deployment ``undoes``;
    ``passwords`` counts how often a database's was reset.
    """

    seq: int
    id: str
    name: str
    spec: Tree
    created_at: float
    updated_at: float
    owner: str
    project_id: str
    active: str = ""
    in_progress: str = ""
    pending: str = ""
    pinned: str = ""
    before_rollback: Tree | None = None
    last_deployment_at: float = 0.0
    heads: dict[str, int] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    schedules_at: float = 0.0
    restore_at: float | None = None
    undoes: str = ""
    passwords: dict[str, int] = field(default_factory=dict)
    due_at: float | None = None
    body: str | None = None


@dataclass(slots=True)
class Deployment:
    """A deployment as stored.

    ``timeline`` lists (phase, second) of its whole planned life, of which ``done`` entries have been applied;
    ``ended_at`` is set when it was ended early; ``fate`` is what a fault does to it (see `faults.fate`);
    ``reuses_builds``: nothing is built for it; ``shown_kind``: the type that answers show, if not ``kind``.
    """

    seq: int
    id: str
    app_id: str
    kind: str
    phase: str
    created_at: float
    phase_at: float
    spec: Tree
    cause: str
    action: str
    user: dict[str, str]
    tier: str
    timeline: list[list[Any]]
    done: int = 1
    previous: str = ""
    cloned_from: str = ""
    commits: dict[str, str] = field(default_factory=dict)
    fate: Tree | None = None
    reuses_builds: bool = False
    shown_kind: str | None = None
    ended_at: float | None = None
    active_at: float | None = None
    was_active: bool = False
    due_at: float | None = None


_APP_COLUMNS = ("seq", "id", "name", "due_at", "project_id", "body")
_APP_DOC = tuple(name for name in App.__dataclass_fields__ if name not in _APP_COLUMNS)
_DEPLOYMENT_COLUMNS = ("seq", "id", "app_id", "kind", "phase", "was_active", "due_at")
_DEPLOYMENT_DOC = tuple(name for name in Deployment.__dataclass_fields__ if name not in _DEPLOYMENT_COLUMNS)
_SELECT_APP = "SELECT seq, id, name, due_at, project_id, body, doc FROM apps "
_SELECT_DEPLOYMENT = "SELECT seq, id, app_id, kind, phase, was_active, due_at, doc FROM deployments "


def _app(row: tuple[Any, ...]) -> App:
    *columns, doc = row
    return App(**dict(zip(_APP_COLUMNS, columns, strict=True)), **loads(doc))


def _deployment(row: tuple[Any, ...]) -> Deployment:
    known = dict(zip(_DEPLOYMENT_COLUMNS, row[:-1], strict=True))
    return Deployment(**(known | {"was_active": bool(known["was_active"])}), **loads(row[-1]))


def is_static(spec: Tree) -> bool:
    """Whether a spec has nothing but static sites."""
    return [kind for kind in COMPONENT_KINDS if spec.get(kind)] == ["static_sites"]


class Tx:
    """Reads and writes within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        return self._run(statement, values).fetchall()

    def meta(self, key: str) -> str | None:
        """A value of `meta`."""
        row = self._run("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Store a value in `meta`."""
        self._run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    def next_number(self) -> int:
        """1, 2, 3 … for ids and order; never repeated within a file."""
        number = int(self.meta("number") or "0") + 1
        self.set_meta("number", str(number))
        return number

    def app(self, app_id: str) -> App | None:
        """An app by id."""
        row = self._run(_SELECT_APP + "WHERE id = ?", (app_id,)).fetchone()
        return _app(row) if row else None

    def app_named(self, name: str) -> App | None:
        """An app by name."""
        row = self._run(_SELECT_APP + "WHERE name = ?", (name,)).fetchone()
        return _app(row) if row else None

    def due_apps(self, now: float) -> list[App]:
        """The apps with something due by then."""
        return [_app(row) for row in self._run(_SELECT_APP + "WHERE due_at <= ? ORDER BY due_at", (now,))]

    def anything_due(self, now: float) -> bool:
        """Whether `due_apps` returns any; cheap."""
        return self._run("SELECT 1 FROM apps WHERE due_at <= ? LIMIT 1", (now,)).fetchone() is not None

    def save_app(self, app: App) -> None:
        """Insert or replace an app; its cached response is dropped."""
        app.body = None
        doc = dumps({name: getattr(app, name) for name in _APP_DOC})
        self._run(
            "INSERT INTO apps (seq, id, name, due_at, project_id, is_static, doc) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (seq) DO UPDATE SET name = excluded.name, due_at = excluded.due_at, "
            "is_static = excluded.is_static, doc = excluded.doc, body = NULL",
            (app.seq, app.id, app.name, app.due_at, app.project_id, is_static(app.spec), doc),
        )

    def keep_body(self, app_id: str, body: str) -> None:
        """Cache an app's response, which is valid until the app is saved again."""
        self._run("UPDATE apps SET body = ? WHERE id = ?", (body, app_id))

    def deployment(self, deployment_id: str) -> Deployment | None:
        """A deployment by id; None for ""."""
        found = self._run(_SELECT_DEPLOYMENT + "WHERE id = ?", (deployment_id,))
        return next(map(_deployment, found), None)

    def deployments(
        self, app_id: str, *, kinds: tuple[str, ...] = (), limit: int = -1, offset: int = 0
    ) -> list[Deployment]:
        """Deployments of an app, newest first; ``kinds`` limits them to some types."""
        marks = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        statement = f"{_SELECT_DEPLOYMENT} WHERE app_id = ?{marks} ORDER BY seq DESC LIMIT ? OFFSET ?"
        return [_deployment(row) for row in self._run(statement, (app_id, *kinds, limit, offset))]

    def moving_deployments(self, app_id: str) -> list[Deployment]:
        """Deployments of an app that have something planned."""
        where = "WHERE app_id = ? AND due_at IS NOT NULL ORDER BY due_at"
        return [*map(_deployment, self._run(_SELECT_DEPLOYMENT + where, (app_id,)))]

    def save_deployment(self, deployment: Deployment) -> None:
        """Insert or replace a deployment."""
        columns = (getattr(deployment, name) for name in _DEPLOYMENT_COLUMNS)
        doc = dumps({name: getattr(deployment, name) for name in _DEPLOYMENT_DOC})
        self._run("INSERT OR REPLACE INTO deployments VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*columns, doc))

    def delete_app(self, app_id: str) -> None:
        """Delete an app with everything that belongs to it."""
        self._run("DELETE FROM apps WHERE id = ?", (app_id,))
        for table in ("deployments", "events", "invocations", "destinations"):
            self._run(f"DELETE FROM {table} WHERE app_id = ?", (app_id,))  # noqa: S608 - constant names


class Store:
    """The database, in a file or in memory."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # it holds ciphertexts and tokens
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False
        )
        try:
            problem = "" if self._prepare(shared=path is not None) else "was made by another version of the sandbox"
        except sqlite3.DatabaseError as error:
            problem = f"cannot be used for the sandbox: {error}"
        if problem:
            self._connection.close()
            raise ReconcileError(f"{path} {problem}", hint=_ANOTHER_FILE)

    def _prepare(self, *, shared: bool) -> bool:
        """Create what is missing; return whether the database has this version."""
        if shared:
            self._use_wal()
            self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.write() as tx:
            known = {name for (name,) in tx.sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if known and tx.meta("version") != VERSION:
                return False
            for statement in SCHEMA.split(";"):
                tx.sql(statement)
            if not known:
                tx.set_meta("key", os.urandom(32).hex())
                tx.set_meta("version", VERSION)
            return True

    def _use_wal(self) -> None:
        """Switch to WAL mode. SQLite does not wait for other processes here, so take the lock to wait."""
        for attempts_left in reversed(range(50)):
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if not attempts_left:
                    raise
                with self.write():
                    pass
            else:
                return

    def write(self) -> AbstractContextManager[Tx]:
        """A transaction that holds the write lock from its start; rolled back if the block raises."""
        return self._transaction("BEGIN IMMEDIATE")

    def read(self) -> AbstractContextManager[Tx]:
        """A transaction with one consistent state of the database."""
        return self._transaction("BEGIN")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Tx]:
        with self._lock:
            self._connection.execute(begin)
            try:
                yield Tx(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()
