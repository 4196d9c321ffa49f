"""The command as a person meets it, on the embedded sandbox: exit codes, what is said, what is left alone."""

import asyncio
import io
import json
import signal
import sys
from pathlib import Path

import pytest

from reconciler.cli.console import Console
from reconciler.cli.main import main
from reconciler.cli.options import SANDBOX_FILE, Connection
from reconciler.cli.status import _look, _Screen
from reconciler.clock import SystemClock
from reconciler.config import Config
from reconciler.errors import ServerFailed
from reconciler.live.client import Client
from reconciler.live.models import Health, LiveApp, Phase
from reconciler.sandbox import Sandbox


@pytest.fixture
def applied(run, capsys):
    assert run("--sandbox") == 0
    capsys.readouterr()


def test_the_first_run_creates_everything_and_the_second_writes_nothing(run, capsys):
    assert run("--sandbox") == 0
    assert "3 apps: 3 applied" in capsys.readouterr().out
    assert run("--sandbox", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert {app["outcome"] for app in report["apps"]} == {"unchanged"}
    assert run("--plan", "--sandbox", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["requests"] == 1, "an account in sync costs one listing"
    assert {app["status"] for app in report["apps"]} == {"in_sync"}


def test_a_spec_that_fails_its_health_checks_is_rolled_back_and_then_stalled(applied, run, edit, capsys):
    assert run("sandbox", "fail", "shop", "health") == 0
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox") == 4
    told = " ".join(capsys.readouterr().out.split())
    assert "back on the last good one: active, healthy and committed" in told
    assert "readiness check failed" in told
    assert run("--sandbox") == 6
    assert "1 stalled" in capsys.readouterr().out
    assert run("status", "shop", "--sandbox") == 0
    assert "pinned" not in capsys.readouterr().out


def test_a_stalled_spec_is_tried_again_when_git_changes_or_somebody_says_so(applied, run, edit):
    run("sandbox", "fail", "shop", "deploy")
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox") == 4
    assert run("--sandbox", "--retry") == 0
    run("sandbox", "fail", "shop", "build")
    edit("shop", "value: debug", "value: trace")
    assert run("--sandbox") == 4
    edit("shop", "value: trace", "value: warn")
    assert run("--sandbox") == 0


def test_a_rollback_that_is_left_pinned_blocks_until_it_is_settled(applied, run, edit, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("defaults: {on_failure: pin}\n")
    run("sandbox", "fail", "shop", "health")
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox") == 4
    assert run("status", "shop", "--sandbox") == 5
    assert "reconcile rollback shop --commit" in capsys.readouterr().out
    assert run("--sandbox") == 5
    capsys.readouterr()
    assert run("rollback", "shop", "--commit", "--sandbox") == 0
    said = capsys.readouterr()
    assert "✓ rolled back as requested  the rollback is healthy and committed" in said.err
    assert "✗" not in said.out + said.err
    assert run("rollback", "shop", "--commit", "--sandbox") == 64
    assert run("--sandbox") == 6


@pytest.fixture
def unhealthy_pin(applied, run, edit, checkout, capsys):
    """A new version failed, and so did going back: exit 5, pinned."""
    (checkout / "reconcile.yaml").write_text("defaults: {health: {soak: 0s, tolerance: 4s}}\n")
    run("sandbox", "fail", "shop", "health", "--times", "2")
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox", "--app", "shop") == 5
    told = " ".join(capsys.readouterr().out.split())
    assert "reconcile rollback shop --commit --sandbox # keeps this version, if it is healthy" in told
    assert "reconcile rollback shop --revert --sandbox # deploys the spec from before the rollback again" in told


CHOICE = (
    "pinned to a rollback that is unhealthy (deployment",
    "so a person chooses: reconcile rollback shop --commit --sandbox --force keeps it and unpins the app;",
    "reconcile rollback shop --revert --sandbox deploys the spec from before it again",
)


def recover():
    """What serves becomes healthy by itself."""
    box = Sandbox(SANDBOX_FILE, now=lambda: SystemClock().now().timestamp())
    box.set_health("shop", "web", "HEALTHY")
    box.close()


def test_c61_after_exit_5_the_next_plan_leaves_an_unhealthy_pin_to_a_person(unhealthy_pin, run, capsys):
    for command in (("--plan",), ("--drift",), ()):
        assert run(*command, "--sandbox", "--app", "shop") == {"--plan": 0, "--drift": 2}.get("".join(command), 5)
        told = " ".join(capsys.readouterr().out.split())
        assert all(words in told for words in CHOICE), told
        assert "cut short" not in told
    assert run("status", "shop", "--sandbox") == 5
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("shop unhealthy, pinned, stalled")
    assert "--commit --sandbox # keeps this version, if it is healthy" in told


def test_c61_a_commit_by_hand_judges_health_unless_it_is_forced(unhealthy_pin, run, capsys):
    assert run("rollback", "shop", "--commit", "--sandbox") == 5
    told = " ".join(capsys.readouterr().out.split())
    assert "the rollback is not committed: deployment" in told
    assert "unhealthy" in told
    assert run("status", "shop", "--sandbox") == 5, "it is pinned as it was"
    assert run("rollback", "shop", "--commit", "--force", "--sandbox") == 0
    assert run("status", "shop", "--sandbox") == 0


def test_c61_a_pin_that_has_become_healthy_is_committed_by_hand(unhealthy_pin, run, capsys):
    recover()
    assert run("rollback", "shop", "--commit", "--sandbox") == 0
    assert "shop: the rollback is healthy and committed" in capsys.readouterr().out
    assert run("status", "shop", "--sandbox") == 0


def test_c61_a_pin_that_has_become_healthy_is_committed_by_the_next_run(unhealthy_pin, run, capsys):
    recover()
    assert run("--plan", "--sandbox", "--app", "shop") == 0
    assert "checking the rollback's health, then committing it if it is healthy" in " ".join(
        capsys.readouterr().out.split()
    )
    assert run("--sandbox", "--app", "shop") == 4
    assert run("status", "shop", "--sandbox") == 0


@pytest.mark.parametrize("flags", [["--force"], ["--force", "--revert"], ["--force", "--pin"]])
def test_c61_force_goes_with_a_commit_alone(applied, run, flags):
    assert run("rollback", "shop", *flags, "--sandbox") == 64


def test_a_pin_can_be_taken_back_by_hand(applied, run, edit, capsys):
    edit("mailer", "2.4.1", "2.5.0")
    assert run("--sandbox") == 0
    assert run("rollback", "mailer", "--pin", "--sandbox") == 0
    assert run("status", "mailer", "--sandbox") == 5
    assert run("rollback", "mailer", "--revert", "--sandbox") == 0
    assert run("--sandbox") == 0
    assert "in sync" in capsys.readouterr().out


def test_a_pin_that_the_next_run_would_take_for_its_own_says_so_and_how_to_keep_it(
    applied, run, edit, checkout, capsys
):
    edit("mailer", "2.4.1", "2.5.0")
    assert run("--sandbox") == 0
    capsys.readouterr()
    assert run("rollback", "mailer", "--pin", "--sandbox") == 0
    warning = " ".join(capsys.readouterr().out.split())
    assert "the next apply may commit this rollback" in warning
    assert "set on_failure: pin for mailer in reconcile.yaml" in warning
    (checkout / "reconcile.yaml").write_text("apps: {mailer: {on_failure: pin}}\n")
    assert run("--sandbox") == 5, "blocked: a person's pin is never committed"
    assert run("rollback", "mailer", "--revert", "--sandbox") == 0
    capsys.readouterr()
    assert run("rollback", "mailer", "--pin", "--sandbox") == 0
    assert "may commit" not in capsys.readouterr().out


def test_a_pin_by_hand_is_said_even_if_what_follows_it_cannot_be_read(applied, run, edit, capsys, monkeypatch):
    def unread(*_: object) -> None:
        raise ServerFailed("no answer", method="GET", path="/v2/apps", status=502)

    edit("shop", "value: info", "value: debug")
    assert run("--sandbox") == 0
    monkeypatch.setattr("reconciler.plan.deployment_history.unfinished_rollback", unread)
    capsys.readouterr()
    assert run("rollback", "shop", "--pin", "--sandbox") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "rolled back and pinned as requested" in said
    assert "could not read whether the next apply may commit this rollback: no answer" in said


def test_a_rollback_by_hand_goes_to_another_version_and_says_that_it_was_asked_for(applied, run, edit, capsys):
    for old, new in (("info", "debug"), ("debug", "trace")):
        edit("shop", f"value: {old}", f"value: {new}")
        code = 0 if new == "debug" else 4
        if code:
            run("sandbox", "fail", "shop", "health")
        assert run("--sandbox") == code
    capsys.readouterr()
    assert run("rollback", "shop", "--sandbox") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "✓ shop rolled back as requested" in told
    assert "failed" not in told
    assert run("--plan", "--sandbox") == 0
    assert "info → trace" in capsys.readouterr().out, "one before the version that served"


def test_a_rollback_by_hand_to_what_cannot_be_meant_is_refused_before_anything_is_done(applied, run, capsys):
    assert run("status", "shop", "--sandbox", "--format", "json") == 0
    active = json.loads(capsys.readouterr().out)["apps"][0]["active"]
    assert run("rollback", "shop", "--to", "abc", "--sandbox") == 64
    assert "shop has no deployment abc among its last 200" in capsys.readouterr().err
    assert run("rollback", "shop", "--to", active, "--sandbox") == 64
    assert "already" in capsys.readouterr().err
    assert run("rollback", "shop", "--sandbox") == 7
    assert "no earlier deployment of another version" in " ".join(capsys.readouterr().out.split())


def test_c92_a_rollback_to_the_version_that_serves_already_is_refused(applied, run, capsys):
    run("status", "shop", "--sandbox", "--format", "json")
    before = json.loads(capsys.readouterr().out)["apps"][0]["active"]
    run("redeploy", "shop", "--sandbox")
    capsys.readouterr()
    assert run("rollback", "shop", "--to", before, "--sandbox") == 64
    assert "has the spec, commits and images that shop already runs" in capsys.readouterr().err
    assert run("rollback", "shop", "--sandbox") == 7
    assert "no earlier deployment of another version" in " ".join(capsys.readouterr().out.split())


def test_a_rollback_that_is_taken_back_is_judged_by_its_health(applied, run, edit, capsys):
    edit("mailer", "2.4.1", "2.5.0")
    assert run("--sandbox") == 0
    assert run("rollback", "mailer", "--pin", "--sandbox") == 0
    said = capsys.readouterr()
    assert "left pinned as requested" in " ".join(said.out.split())
    for shown in (said.out, said.err):
        assert "✓ rolled back and pinned as requested" in shown.replace("mailer", "").replace("  ", " ").replace(
            "  ", " "
        )
        assert "✗" not in shown
    run("sandbox", "fail", "mailer", "health")
    assert run("rollback", "mailer", "--revert", "--sandbox") == 5
    assert "is unhealthy" in capsys.readouterr().out


def test_a_redeploy_of_an_app_that_is_not_there_yet_says_so(run, capsys):
    assert run("redeploy", "shop", "--sandbox") == 7
    said = capsys.readouterr()
    assert "! shop  refused: the app does not exist yet: apply creates it\n" in said.out + said.err
    assert "services/web" not in said.out


def test_a_failure_to_come_of_an_app_that_is_not_there_yet_says_so(run, capsys):
    assert run("sandbox", "fail", "shop", "build") == 0
    assert "; there is no app shop in .reconcile/sandbox.db yet\n" in capsys.readouterr().out
    assert run("--sandbox", "--app", "shop") == 5
    capsys.readouterr()
    assert run("sandbox", "fail", "shop", "build") == 0
    assert capsys.readouterr().out.endswith("the next deployment of shop will fail: build\n")


def test_a_failure_is_left_alone_where_the_policy_says_so(applied, run, edit, checkout):
    (checkout / "reconcile.yaml").write_text("defaults: {on_failure: leave}\n")
    run("sandbox", "fail", "shop", "deploy")
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox") == 5


def test_a_first_deployment_that_fails_is_told_and_never_deleted(run, capsys):
    assert run("sandbox", "reset") == 0
    run("--sandbox", "--app", "handbook")
    run("sandbox", "fail", "mailer", "deploy", "--times", "2")
    assert run("--sandbox", "--app", "mailer") == 5
    assert "there is no earlier one to roll back to" in capsys.readouterr().out
    assert run("--sandbox", "--app", "mailer") == 5
    assert run("status", "mailer", "--sandbox") == 0
    assert "nothing active" in capsys.readouterr().out


def test_a_saved_plan_is_applied_as_it_was_reviewed_or_not_at_all(applied, run, edit, capsys):
    edit("shop", "value: info", "value: debug")
    assert run("--plan", "--save", "plan.json", "--sandbox") == 0
    edit("mailer", "2.4.1", "2.5.0")
    assert run("--expect", "plan.json", "--sandbox") == 7
    assert "mailer" in capsys.readouterr().err
    edit("mailer", "2.5.0", "2.4.1")
    assert run("--expect", "plan.json", "--sandbox") == 0
    assert run("--expect", "plan.json", "--sandbox") == 0, "it was applied: nothing is left to do"


def test_differences_have_an_exit_code_of_their_own_where_it_is_asked_for(applied, run, edit):
    assert run("--plan", "--exit-code", "--sandbox") == 0
    assert run("--drift", "--sandbox") == 0
    edit("shop", "value: info", "value: debug")
    assert run("--plan", "--sandbox") == 0
    assert run("--plan", "--exit-code", "--sandbox") == 2
    assert run("--drift", "--sandbox") == 2


def test_removing_a_component_is_refused_until_it_is_allowed_by_name(applied, run, checkout, capsys):
    spec = checkout / "specs/mailer.yaml"
    text = spec.read_text()
    spec.write_text(text[: text.index("  - name: bounces")])
    assert run("--sandbox") == 7
    assert "--allow remove=mailer/bounces" in capsys.readouterr().out
    assert run("--allow", "remove=mailer/bounces", "--sandbox") == 0


def test_nothing_is_applied_in_a_freeze_window(run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("freeze: [{start: 2020-01-01, end: 2099-01-01, reason: audit}]\n")
    assert run("--sandbox") == 7
    assert "audit" in capsys.readouterr().err
    assert run("--plan", "--sandbox") == 0
    assert run("--sandbox", "--override-freeze") == 0


def test_a_freeze_window_does_not_stop_a_rollback_by_hand(applied, run, edit, checkout, capsys):
    edit("mailer", "2.4.1", "2.5.0")
    assert run("--sandbox") == 0
    (checkout / "reconcile.yaml").write_text("freeze: [{start: 2020-01-01, end: 2099-01-01}]\n")
    assert run("rollback", "mailer", "--sandbox") == 0
    assert "✓ mailer rolled back as requested" in " ".join(capsys.readouterr().out.split())


def test_an_app_waits_for_those_it_depends_on_and_is_skipped_if_they_fail(run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("apps: {mailer: {depends_on: [shop]}}\n")
    run("sandbox", "fail", "shop", "build", "--times", "2")
    assert run("--sandbox") == 5
    told = capsys.readouterr().out
    assert "skipped" in told
    assert run("status", "mailer", "--sandbox") == 64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--plan", "--drift"], "cannot be combined"),
        (["--save", "x.json"], "--save can only be used with --plan"),
        (["--plan", "--expect", "x.json"], "--expect can only be used when applying"),
        (["--bogus"], "--bogus"),
        (["--var", "NAME", "--plan"], "NAME=VALUE"),
        (["--shard", "5/4", "--plan"], "invalid --shard '5/4'"),
        (["--allow", "remove", "--plan", "--sandbox"], "invalid --allow"),
        (["status", "nope", "--sandbox"], "no such app: nope"),
        (["rollback", "shop", "--commit", "--revert"], "cannot be combined with each other"),
        (["--plan"], "DIGITALOCEAN_TOKEN is not set"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_makes_no_sense_is_a_usage_error_that_says_why(run, capsys, arguments, said):
    assert run(*arguments) == 64
    assert said in capsys.readouterr().err


def test_no_specs_at_all_is_said_with_the_place_that_was_looked_at(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--plan", "--sandbox"]) == 3
    assert "specs" in capsys.readouterr().err


def test_an_invalid_spec_stops_before_anything_is_asked(run, edit, checkout, capsys):
    edit("shop", "http_port: 3000", "http_port: 300000")
    assert run() == 3
    assert "specs/shop.yaml:16:16: error: http_port must be at most 65535, got 300000" in capsys.readouterr().err
    assert not (checkout / ".reconcile").exists()


def test_a_spec_the_platform_refuses_stops_that_app_alone(applied, run, edit, capsys):
    run("sandbox", "set", "unknown_fields=refuse")
    edit("shop", "http_port: 3000", "http_port: 3000\n    shiny: true")
    edit("mailer", "2.4.1", "2.5.0")
    assert run("--sandbox") == 3
    told = capsys.readouterr().out
    assert "1 applied" in told
    assert "1 refused" in told


def test_shards_divide_the_fleet_without_rest(run, capsys):
    seen = []
    for part in (1, 2):
        run("--plan", "--sandbox", "--format", "json", "--shard", f"{part}/2")
        seen += [app["app"] for app in json.loads(capsys.readouterr().out)["apps"]]
    assert sorted(seen) == ["handbook", "mailer", "shop"]


def test_unmanaged_apps_are_named_where_asked_and_never_touched(applied, run, checkout, capsys):
    (checkout / "specs/handbook.yaml").unlink()
    assert run("--plan", "--unmanaged", "--sandbox") == 0
    assert "handbook" in capsys.readouterr().out
    assert run("--sandbox") == 0
    assert run("status", "handbook", "--sandbox") == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_status_is_drawn_again_on_a_terminal_until_ctrl_c_which_ends_with_130(applied, run, monkeypatch):
    looks: list[float] = []

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)

    monkeypatch.setattr(SystemClock, "sleep", staticmethod(sleep))
    monkeypatch.setattr(sys, "stdout", screen := Terminal())
    assert run("status", "--sandbox", "--watch", "--interval", "7") == 130
    assert looks == [7, 7, 7]
    frames = screen.getvalue().split("\x1b[H\x1b[2J\x1b[3J")
    assert len(frames) == 4
    assert all("UTC, Ctrl-C ends" in frame and "healthy" in frame for frame in frames[1:])


def test_status_is_watched_on_a_terminal_alone(applied, run, capsys):
    assert run("status", "--sandbox", "--watch") == 64
    assert "--watch needs a terminal" in capsys.readouterr().err


def requests_of(fleet: int, *, watched: bool) -> list[str]:
    """The paths that status asks for, of a fleet that is well and one app that is pinned."""
    asked: list[str] = []

    class Account:
        async def list_deployments(self, app_id: str, limit: int):
            asked.append(f"deployments of {app_id}")
            return ()

        async def health(self, app_id: str):
            asked.append(f"health of {app_id}")
            return Health()

    apps = [
        LiveApp.model_validate({"id": str(number), "spec": {"name": f"app-{number}"}, "active_deployment": {"id": "d"}})
        for number in range(fleet)
    ]
    apps[0] = apps[0].model_copy(update={"pinned_deployment": apps[0].active_deployment})
    screen = _Screen(Console(), Config(), Connection(sandbox=True), 5)
    asyncio.run(_look(Account(), apps, screen, brief=watched))
    return asked


def test_a_fleet_costs_no_request_for_each_app_while_it_is_watched_and_few_otherwise():
    assert requests_of(300, watched=True) == []
    assert requests_of(300, watched=False) == ["deployments of 0", "health of 0"]
    assert len(requests_of(40, watched=False)) == 41
    assert len(requests_of(2, watched=True)) == 4, "what is shown in detail is read"


def test_status_says_that_a_freeze_window_is_open(applied, run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("freeze: [{cron: '* * * * *', duration: 2h, reason: release week}]\n")
    assert run("status", "--sandbox") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("a freeze window is open and the next ones leave no gap (release week)")
    assert "(release week): nothing is applied" in told


@pytest.mark.parametrize("form", ["text", "github", "json"])
def test_logs_of_every_deployment_are_shown_on_request(run, capsys, form):
    assert run("--sandbox", "--app", "shop", "--logs", "all", "--format", form) == 0
    told = capsys.readouterr().out
    if form == "json":
        assert {log["kind"] for log in json.loads(told)["apps"][0]["logs"]} >= {"DEPLOY"}
    else:
        assert "shop: deploy log of deployment " in told
        assert ("::group::shop: deploy log" in told) is (form == "github")


def test_a_failure_without_logs_keeps_its_reason(applied, run, edit, capsys):
    run("sandbox", "fail", "shop", "deploy")
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox", "--logs", "none") == 4
    told = capsys.readouterr().out
    assert "failed " in told
    assert "│" not in told


def test_a_forced_commit_waits_for_no_deployment_and_says_so(applied, run, capsys, monkeypatch):
    edit_pin(run)
    original = Client.list_apps

    async def pending(self):
        apps = await original(self)
        return [app.model_copy(update={"pinned_deployment": begun(app.pinned_deployment)}) for app in apps]

    def begun(pinned):
        return pinned and pinned.model_copy(update={"phase": Phase.PENDING_BUILD})

    monkeypatch.setattr(Client, "list_apps", pending)
    capsys.readouterr()
    assert run("rollback", "mailer", "--commit", "--force", "--sandbox") == 64
    told = capsys.readouterr().err
    assert "still PENDING_BUILD" in told
    assert "without --force it is followed, judged and then committed" in told


def edit_pin(run):
    """Leave an app pinned to its former version."""
    spec = Path("specs/mailer.yaml")
    spec.write_text(spec.read_text().replace("2.4.1", "2.5.0"))
    assert run("--sandbox") == 0
    assert run("rollback", "mailer", "--pin", "--sandbox") == 0
