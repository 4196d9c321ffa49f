"""The state survives a kill at any moment, and processes that share the file see one platform."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ReconcileError
from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.simulation.store import Store, Tx, dumps, loads
from tests.sandbox.lab import Lab, web

_WRITER = """
import asyncio, itertools, sys
from pathlib import Path
import httpx
from reconciler.sandbox import Sandbox

async def main():
    sandbox = Sandbox(Path(sys.argv[1]))
    transport = httpx.ASGITransport(app=sandbox.asgi)
    headers = {"authorization": "Bearer t"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        for number in itertools.count(int(sys.argv[2])):
            image = {"repository": "x", "tag": str(number)}
            spec = {"name": f"app-{number}", "services": [{"name": "api", "image": image}]}
            app = (await client.post("/v2/apps", json={"spec": spec})).json()["app"]
            await client.put(f"/v2/apps/{app['id']}", json={"spec": spec})
            print(spec["name"], app["id"], flush=True)

asyncio.run(main())
"""


def writer(file: Path, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(file), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def test_two_processes_are_killed_while_they_write_and_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    writers = [writer(file, first) for first in (0, 1_000_000)]
    answered: list[list[str]] = []
    for process in writers:
        assert process.stdout is not None
        answered += [process.stdout.readline().split() for _ in range(15)]
    for process in writers:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        answered += [line.split() for line in process.stdout.read().splitlines() if line.count("-") == 5]
        process.stdout.close()
    lab = Lab(Settings(speed=Speed.instant()), path=file)
    store = Store(file)
    with store.read() as tx:
        assert tx.sql("PRAGMA integrity_check") == [("ok",)]
        names = dict(tx.sql("SELECT name, id FROM apps"))
        deployments = tx.sql("SELECT app_id, count(*) FROM deployments GROUP BY app_id")
    store.close()
    assert answered
    assert all(names[name] == app_id for name, app_id in answered)
    made = dict(deployments)
    assert all(made[app_id] == 2 for _, app_id in answered)
    assert lab.get("/v2/apps")["meta"]["total"] == len(names) == len(made)
    lab.close()


def test_what_one_sees_the_other_sees(tmp_path: Path) -> None:
    one, other = Lab(path=tmp_path / "box.db"), Lab(path=tmp_path / "box.db")
    app = one.create(settled=False)
    assert other.app(app["id"]) == app
    other.sandbox.fail("web", "build")
    one.wait()
    other.wait()
    assert one.app(app["id"]) == other.app(app["id"])
    made = one.update(app, web(tag="2"))["pending_deployment"]["id"]
    other.wait()
    assert one.deployment(app["id"], made) == other.deployment(app["id"], made)
    assert one.deployment(app["id"], made)["phase"] == "ERROR"
    other.sandbox.configure(pinned_put="store")
    assert one.sandbox.settings.pinned_put == "store"
    one.close()
    other.close()


def test_the_file_and_its_folder_are_created_and_no_other_user_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "box.db"
    Lab(path=file).close()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be told from one" * 9, None])
def test_a_file_that_is_no_sandbox_or_an_older_one_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "box.db"
    if content is None:
        store = Store(file)
        with store.write() as tx:
            tx.set_meta("version", "0")
        store.close()
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(ReconcileError) as caught:
        Store(file)
    assert str(file) in caught.value.message
    assert "delete" in caught.value.hint
    assert file.read_bytes() == before


def test_links_and_live_urls_begin_with_the_address_each_process_is_reached_at(tmp_path: Path) -> None:
    one, other = Lab(path=tmp_path / "box.db"), Lab(path=tmp_path / "box.db", base_url="http://localhost:8080")
    app = one.create()
    other.wait()
    assert app["live_url"].startswith("http://sandbox/_live/")
    assert other.app(app["id"])["live_url"].startswith("http://localhost:8080/_live/")
    assert other.app(app["id"])["live_domain"] == "localhost:8080"
    one.close()
    other.close()


def test_of_many_apps_a_listing_reads_no_more_than_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(Settings(speed=Speed.instant()))
    app = lab.create()
    store = lab.sandbox._store
    columns = "name, due_at, project_id, is_static, doc, body"
    with store.write() as tx:
        for number in range(2, 10_001):
            tx.sql(
                f"INSERT INTO apps (seq, id, {columns}) SELECT ?, ?, ?, due_at, project_id, is_static, doc, body "
                "FROM apps WHERE id = ?",
                number + 1_000_000,
                f"id-{number}",
                f"app-{number}",
                app["id"],
            )
    read, sql = [], Tx.sql

    def counted(tx: Tx, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        read.extend(rows := sql(tx, statement, *values))
        return rows

    monkeypatch.setattr(Tx, "sql", counted)
    last = lab.get("/v2/apps?per_page=200&page=50")
    assert (len(last["apps"]), last["meta"]["total"]) == (200, 10_000)
    assert 200 < len(read) < 220
    lab.close()


def test_a_reset_forgets_the_apps_and_keeps_the_settings() -> None:
    lab = Lab(Settings(speed=Speed.instant(), reorders_envs=False))
    app = lab.create()
    lab.sandbox.fail("web", "build")
    lab.sandbox.reset()
    assert lab.get("/v2/apps")["apps"] == []
    assert lab.sandbox.faults() == []
    assert lab.sandbox.settings.reorders_envs is False
    assert lab.create()["id"] != app["id"]
    lab.close()


def test_a_seed_makes_ids_and_ciphertexts_repeatable() -> None:
    found = []
    for seed in (1, 1, 2):
        lab = Lab(Settings(speed=Speed.instant(), seed=seed))
        spec = web(envs=[{"key": "KEY", "value": "x", "type": "SECRET"}])
        found.append(lab.create(spec))
        lab.close()
    assert found[0] == found[1]
    assert found[0]["id"] != found[2]["id"]


def nested(depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for _ in range(depth):
        out = {"a": out}
    return out


ODD = {
    "plain": {"b": [1, 2.5, True, None], "a": 'ü€\u2028"\\'},
    "deep": nested(400),
    "infinite": [float("inf")],
    "a large integer": 10**40,
    "a negative zero": -0.0,
    "an exponent": 1e-7,
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_a_document_comes_back_as_it_was_stored(value: Any) -> None:
    assert loads(dumps(value)) == value
    assert json.loads(dumps(value)) == value


def test_half_of_a_surrogate_pair_is_left_for_the_encoding_to_refuse() -> None:
    assert dumps({"message": "\ud800"}) == '{"message":"\ud800"}'
