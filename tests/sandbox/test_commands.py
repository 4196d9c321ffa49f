"""`reconcile sandbox …`, as a person types it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from reconciler.cli import main
from reconciler.sandbox import Sandbox, Settings, Speed
from reconciler.sandbox.http.control import HEADER
from reconciler.sandbox.simulation.faults import DEPLOYMENT_FAULTS, REQUEST_FAULTS
from tests.sandbox.lab import Lab, Tree, built, web


class Shell:
    """The command over one file, and the file as a test looks into it."""

    def __init__(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = file
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str]:
        code = main(["sandbox", *arguments, "--file", str(self.file)])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def good(self, *arguments: str) -> str:
        code, said = self.run(*arguments)
        assert code == 0, said
        return said

    def lab(self) -> Lab:
        return Lab(Settings(speed=Speed.instant()), path=self.file)

    def waiting(self) -> list[Tree]:
        sandbox = Sandbox(self.file)
        found = sandbox.faults()
        sandbox.close()
        return found


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "box.db", capsys)


def test_the_next_deployments_of_an_app_can_be_made_to_fail(shell: Shell) -> None:
    said = shell.good("fail", "shop", "health", "--times", "2", "--component", "api")
    begin = "the next 2 deployments of shop will fail: health of api; there is no app shop in "
    assert said.startswith(begin)
    assert said.endswith("box.db yet\n")
    (fault,) = shell.waiting()
    assert (fault["kind"], fault["app"], fault["component"], fault["remaining"]) == ("health", "shop", "api", 2)


@pytest.mark.parametrize("kind", [*DEPLOYMENT_FAULTS, *REQUEST_FAULTS])
def test_every_kind_of_fault_can_be_asked_for(shell: Shell, kind: str) -> None:
    assert shell.good("fault", kind) == f"fault 1 is pending: {kind}\n"
    assert [fault["kind"] for fault in shell.waiting()] == [kind]


def test_a_fault_is_as_it_was_asked_for_until_it_is_cleared(shell: Shell) -> None:
    options = ["--app", "shop", "--operation", "apps_update", "--share", "0.25", "--seed", "7", "--seconds", "2.5"]
    shell.good("fault", "latency", *options, "--times", "0")
    (fault,) = shell.waiting()
    expected = {"app": "shop", "operation": "apps_update", "share": 0.25, "seed": 7, "seconds": 2.5, "times": None}
    assert {name: fault[name] for name in expected} == expected
    listed = "1: latency app=shop operation=apps_update share=0.25 seed=7 seconds=2.5 (until cleared)\n"
    assert shell.good("faults") == listed
    assert shell.good("clear") == shell.good("faults") == "no pending faults\n"


def test_a_push_deploys_what_deploys_on_push(shell: Shell) -> None:
    lab = shell.lab()
    lab.create(built("shop"))
    lab.create(web("still"))
    lab.close()
    assert shell.good("push", "shop").startswith("shop deploys: ")
    assert "no component deploys on push" in shell.good("push", "still")


def test_the_apps_are_shown_as_a_plain_table(shell: Shell) -> None:
    assert "has no apps" in shell.good("show")
    lab = shell.lab()
    lab.create(web("shop"))
    lab.sandbox.fail("ill", "build", message="no such module")
    lab.create(built("ill"))
    ids = [item["id"] for name in ("shop", "ill") for item in deployments(lab, name)]
    lab.close()
    lines = [line.split() for line in shell.good("show").splitlines()]
    assert lines == [
        ["APP", "STATUS", "DEPLOYMENT", "PHASE", "CAUSE"],
        ["shop", "running", ids[0], "ACTIVE", "initial", "deployment"],
        ["ill", "not", "running", ids[1], "ERROR", "no", "such", "module"],
    ]


def deployments(lab: Lab, name: str) -> list[Tree]:
    app = lab.get(f"/v2/apps/?name={name}")["app"]
    found: list[Tree] = lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]
    return found


def test_settings_are_changed_and_shown(shell: Shell) -> None:
    shown = shell.good("set", "speed.build=30", "fills_defaults=none", "reorders_envs=false", "rate_per_minute=250")
    assert "speed.build=30\n" in shown
    assert "fills_defaults=none\nreorders_envs=false\n" in shown
    assert "rate_per_minute=\n" in shell.good("set", "rate_per_minute=")
    assert shell.good("set", "speed=realistic").startswith("speed.pending_build=5\nspeed.build=120\n")
    sandbox = Sandbox(shell.file)
    assert (sandbox.settings.fills_defaults, sandbox.settings.reorders_envs, sandbox.settings.rate_per_minute) == (
        *("none", False),
        None,
    )
    assert sandbox.settings.speed == Speed.realistic()
    sandbox.close()
    assert len(shell.good("set").splitlines()) > 25


def test_what_is_shown_of_the_settings_can_be_set_again(shell: Shell) -> None:
    lines = [line for line in shell.good("set").splitlines() if not line.startswith("tokens=")]
    assert shell.good("set", *lines).splitlines() == lines


def test_tokens_are_never_shown(shell: Shell) -> None:
    assert "hunter2" not in shell.good("set", 'tokens={"hunter2": ["*"]}')
    assert "tokens=(1 tokens)\n" in shell.good("set")


def test_a_reset_forgets_the_apps(shell: Shell) -> None:
    lab = shell.lab()
    lab.create()
    lab.close()
    assert shell.good("reset") == f"the sandbox in {shell.file} is empty\n"
    assert "has no apps" in shell.good("show")


WRONG = [
    (["push", "nobody"], "no such app: 'nobody'"),
    (["set", "colour=red"], "unknown setting 'colour'"),
    (["set", "tokens=abc"], "tokens must be a JSON object of scopes by token"),
    (["set", "free_static_apps=many"], "free_static_apps must be a whole number, not 'many'"),
    (["set", "enforces_sizes=1"], "enforces_sizes must be true or false, not 1"),
    (["set", "nonsense"], "'nonsense' is not NAME=VALUE"),
    (["set", "fills_defaults=some"], "fills_defaults must be one of recorded, common, documented, none"),
    (["set", "speed=realistic", "speed.build=3"], "both as a whole and in parts"),
    (["fault", "hang", "--phase", "SLEEPING"], "phase must be one of PENDING_BUILD"),
    (["fault", "latency", "--share", "2"], "--share must be from 0 to 1"),
    (["fault", "latency", "--operation", "apps_explode"], "no such operation: apps_explode"),
    (["fault", "fire"], 'Invalid value "fire"'),
    (["fail", "shop", "build", "--times", "0"], "--times must be at least 1"),
    (["serve", "--port", "99999"], 'Invalid value "99999" for --port'),
    (["serve", "--token", ":app:read"], "--token takes TOKEN:SCOPE,SCOPE"),
    (["serve", "--setting", "colour=red"], "unknown setting 'colour'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_what_does_not_fit_is_said_with_a_way_out(shell: Shell, arguments: list[str], message: str) -> None:
    code, said = shell.run(*arguments)
    assert code == 64
    assert message in said
    assert said.splitlines()[-1].startswith("  ")  # the hint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_is_served_with_its_options_until_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    command = "import sys; from reconciler.cli import main; sys.exit(main())"
    options = ["--port", "0", "--file", "box.db", "--speed", "instant", "--setting", "seed=5"]
    tokens = ["--token", "reader:app:read", "--token", "root"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", command, "sandbox", "serve", *options, *tokens],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[5]
        with httpx.Client(base_url=url) as client:
            reader, root = ({"authorization": f"Bearer {name}"} for name in ("reader", "root"))
            assert client.post("/v2/apps", json={"spec": web()}, headers=reader).status_code == 403
            app = client.post("/v2/apps", json={"spec": web()}, headers=root).json()["app"]
            assert client.get(f"/v2/apps/{app['id']}", headers=reader).json()["app"]["live_url"].startswith(url)
            assert client.get("/v2/apps").status_code == 401
            assert client.get("/_sandbox/settings", headers={HEADER: "1"}).json()["seed"] == 5
            late = client.post("/_sandbox/faults", json={"kind": "latency", "seconds": 600}, headers={HEADER: "1"})
            assert late.status_code == 200
            answered: list[int] = []
            waiting = threading.Thread(
                target=lambda: answered.append(httpx.get(f"{url}/v2/apps", headers=root, timeout=60).status_code)
            )
            waiting.start()
            while client.get("/_sandbox/faults", headers={HEADER: "1"}).json()["faults"]:
                time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(10) == 0
        waiting.join(10)
        assert answered == [200]
        assert process.stdout.read() == "stopped\n"


def test_it_is_served_with_tls_and_says_which_certificate_to_trust(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "sandbox", "serve", "--port", "0", "--file", "box.db", "--tls"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        certificate = process.stdout.readline().split()[-1]
        url = process.stdout.readline().split()[5]
        trusting = ssl.create_default_context(cafile=tmp_path / certificate)
        assert httpx.get(url, verify=trusting).status_code == 200
        process.terminate()
        assert process.wait(10) == 0


def test_tls_without_its_package_is_refused_with_what_to_install(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    code, said = shell.run("serve", "--tls")
    assert code == 64
    assert said == (
        "reconcile: this needs the package cryptography, from the extra 'sandbox,tls'\n"
        "  in the checkout: pip install '.[sandbox,tls]'\n"
    )


def test_a_port_that_is_taken_is_said(shell: Shell, served_port: int) -> None:
    code, said = shell.run("serve", "--port", str(served_port))
    assert code == 64
    assert f"cannot listen on 127.0.0.1:{served_port}" in said


@pytest.fixture
def served_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_settings_read_as_json_where_they_can() -> None:
    from reconciler.sandbox.settings import parsed

    plain = {"seed": None, "a": True, "b": 1.5, "c": "none", "d": {"x": 1}, "speed": {"build": 2, "job": 3}}
    assert parsed(["seed=", "a=true", "b=1.5", "c=none", 'd={"x":1}', "speed.build=2", "speed.job=3"]) == plain
    assert json.dumps(parsed(["x=1=2"])) == '{"x": "1=2"}'
