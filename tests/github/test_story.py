"""The action from its inputs to App Platform and to GitHub, both served: what people see on each event."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.test_no_trace import comparable
from tests.github.runner import ACTION
from tests.github.stage import TOKEN, Served, Stage, serving
from tests.github.world import NEW, OLD, REPO, pull_event
from tests.support.repository import Repository
from tests.views.html.pagesupport import Reader

MERGED, FIXED = "c" * 40, "d" * 40


def service(name: str, tag: str, *envs: dict[str, Any]) -> dict[str, Any]:
    image = {"registry_type": "DOCKER_HUB", "registry": "acme", "repository": name, "tag": tag}
    component = {"name": "main", "image": image, "http_port": 8080, "instance_size_slug": "apps-s-1vcpu-1gb"}
    return {"name": name, "region": "fra", "services": [{**component, "envs": list(envs)} if envs else component]}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def checkout(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Specs of two apps that nobody applied yet."""
    repository = Repository(tmp_path / "checkout")
    repository.write("reconcile.yaml", "defaults: {health: {soak: 2s, tolerance: 4s}}\n")
    monkeypatch.chdir(repository.root)
    served.reset()
    stage = Stage(repository, tmp_path / "runner", served)
    stage.commit(shop=service("shop", "1"), desk=service("desk", "1"))
    yield stage
    # Whatever happens, no token leaves: the first line masks it.
    for step in stage.steps:
        assert step.log[0] in (f"::add-mask::{TOKEN}", "::add-mask::gh-token")
        told = "\n".join([*step.log[1:], step.summary, *step.outputs.values()])
        assert TOKEN not in told
        assert "Traceback" not in told


@pytest.fixture
def stage(checkout: Stage) -> Stage:
    """The same, applied."""
    first = checkout.step("workflow_dispatch", mode="apply")
    assert (first.exit_code, first.outputs["changes"]) == (0, "2")
    return checkout


def test_opened_pushed_again_merged_drifted_and_fixed_is_one_comment_one_closed_issue_and_healthy_apps(
    stage: Stage,
) -> None:
    stage.commit(shop=service("shop", "2"))
    step = stage.open_pull(7, OLD, environment="production")
    assert (step.exit_code, step.outputs["changes"], step.outputs["cost-delta"]) == (0, "1", "0.00")
    assert "services/main/image/tag" in stage.comment()
    assert OLD in stage.comment()

    stage.commit(shop=service("shop", "3"))
    step = stage.push_to_pull(7, NEW, environment="production", plan_file="plan.json")
    assert (step.outputs["plan-file"], step.warnings) == ("plan.json", [])
    assert "1 → 3" in stage.comment()
    assert NEW in stage.comment()
    assert OLD not in stage.comment()

    step = stage.merge(7, MERGED, environment="production", expect_plan="plan.json")
    assert (step.exit_code, step.outputs["changes"], step.outputs["rolled-back"]) == (0, "1", "")
    assert "1 applied, 1 in sync" in stage.comment() or "1 in sync, 1 applied" in stage.comment()
    assert (stage.app("shop")["spec"]["services"][0]["image"]["tag"], stage.health("shop")) == ("3", {"HEALTHY"})

    stage.edit("shop", service("shop", "3", {"key": "DEBUG", "value": "1"}))
    step = stage.step("schedule", mode="drift", environment="production")
    assert (step.exit_code, step.outputs["drift"], step.outputs["exit-code"]) == (0, "true", "2")
    assert (stage.issue()["state"], stage.issue()["title"]) == ("open", "Drift in production")
    assert "DEBUG" in stage.issue()["body"]
    assert "changed live by deployment" in stage.issue()["body"]
    stage.step("schedule", mode="drift", environment="production")
    assert "seen 2 times in a row" in stage.issue()["body"]

    step = stage.step("workflow_dispatch", mode="apply", environment="production")
    assert step.exit_code == 0
    step = stage.step("schedule", mode="drift", environment="production")
    assert (step.exit_code, step.outputs["drift"]) == (0, "false")
    assert stage.issue()["state"] == "closed"

    assert "envs" not in stage.app("shop")["spec"]["services"][0]
    assert [stage.health(name) for name in ("shop", "desk")] == [{"HEALTHY"}, {"HEALTHY"}]
    assert len(stage.served.fake.comments) == len(stage.served.fake.issues) == 1
    assert not [line for step in stage.steps for line in step.warnings]


def test_a_merge_that_fails_its_health_is_rolled_back_and_everything_says_so(stage: Stage) -> None:
    stage.commit(shop=service("shop", "2"))
    stage.open_pull(7, OLD)
    stage.served.box.fail("shop", "health")
    step = stage.merge(7, MERGED)

    assert step.exit_code == 4
    assert (step.outputs["exit-code"], step.outputs["rolled-back"]) == ("4", "shop")
    [app] = json.loads(step.outputs["apps"])
    assert (app["app"], app["outcome"]) == ("shop", "rolled_back")
    for told in (stage.comment(), step.summary, "\n".join(step.log)):
        assert "rolled back" in told
        assert "unhealthy" in told
    assert MERGED in stage.comment()
    assert "### `shop` rolled back: `main " in stage.comment(), "the cause is the headline"
    assert "services/main/image/tag   1 → 2" in stage.comment(), "what changed stays"
    assert len(stage.served.fake.comments) == 1, "plan and outcome are one story"
    assert any(line.startswith("::error ") and "shop" in line for line in step.log)
    assert (stage.app("shop")["spec"]["services"][0]["image"]["tag"], stage.health("shop")) == ("1", {"HEALTHY"})

    step = stage.step("schedule", mode="drift")
    assert "stalled" in stage.issue()["body"]
    step = stage.step("workflow_dispatch", mode="apply")
    assert (step.exit_code, stage.app("shop")["spec"]["services"][0]["image"]["tag"]) == (6, "1")

    stage.commit(shop=service("shop", "3"))
    stage.open_pull(8, NEW)
    assert stage.merge(8, FIXED).exit_code == 0
    stage.step("schedule", mode="drift")
    assert stage.issue()["state"] == "closed"
    assert stage.app("shop")["spec"]["services"][0]["image"]["tag"] == "3"
    assert sorted(comment["pull"] for comment in stage.served.fake.comments.values()) == [7, 8]


def test_a_plan_that_was_not_reviewed_is_refused_and_nothing_is_changed(stage: Stage) -> None:
    stage.commit(shop=service("shop", "2"))
    stage.open_pull(7, OLD, plan_file="plan.json")
    stage.commit(shop=service("shop", "evil"))
    step = stage.merge(7, MERGED, expect_plan="plan.json")
    assert (step.exit_code, step.outputs["exit-code"]) == (7, "7")
    assert "the spec in Git changed" in stage.comment()
    assert stage.app("shop")["spec"]["services"][0]["image"]["tag"] == "1"


def test_what_a_guard_refuses_is_applied_when_the_flag_that_it_names_is_allowed(stage: Stage) -> None:
    more = service("shop", "1")
    more["workers"] = [{"name": "mails", "image": more["services"][0]["image"]}]
    stage.commit(shop=more)
    stage.step("workflow_dispatch", mode="apply")
    stage.commit(shop=service("shop", "1"))
    step = stage.step("workflow_dispatch", mode="apply")
    assert step.exit_code == 7
    assert "--allow remove=shop/mails" in "\n".join(step.log)
    assert "workers" in stage.app("shop")["spec"]
    step = stage.step("workflow_dispatch", mode="apply", allow="--allow remove=shop/mails")
    assert step.exit_code == 0
    assert "workers" not in stage.app("shop")["spec"]


def test_nothing_is_applied_in_a_freeze_window_unless_it_is_overridden(stage: Stage) -> None:
    config = Path("reconcile.yaml").read_text()
    window = "freeze: [{start: '2000-01-01', end: '2100-01-01', reason: holidays}]\n"
    Path("reconcile.yaml").write_text(config + window)
    stage.commit(shop=service("shop", "2"))
    step = stage.step("workflow_dispatch", mode="apply")
    assert (step.exit_code, step.outputs["exit-code"]) == (7, "7")
    for told in (step.summary, "\n".join(step.log)):
        assert "until 2100-01-01 00:00 UTC (holidays)" in told
        assert "--override-freeze" in told
    assert stage.app("shop")["spec"]["services"][0]["image"]["tag"] == "1"
    assert stage.step("workflow_dispatch", mode="plan").exit_code == 0
    step = stage.step("workflow_dispatch", mode="apply", allow="--override-freeze")
    assert step.exit_code == 0
    assert stage.app("shop")["spec"]["services"][0]["image"]["tag"] == "2"


def test_a_fork_asks_nobody_anything_and_its_mistakes_stand_on_their_lines(checkout: Stage) -> None:
    broken = service("shop", "2")
    broken["services"][0]["http_port"] = "many"
    checkout.commit(shop=broken)
    step = checkout.step("pull_request", pull_event(head="stranger/shop"), token="", sarif_file="out.sarif")
    assert (step.exit_code, step.outputs["changes"], checkout.served.fake.log) == (3, "", [])
    assert "**No plan:** this pull request is from a fork" in step.summary
    [line] = [line for line in step.log if line.startswith("::error ")]
    assert "file=specs/shop.yaml,line=10,col=14," in line
    [result] = json.loads(Path("out.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "specs/shop.yaml"


def forked(stage: Stage, **given: str) -> Any:
    """The second workflow of a fork: the stranger's specs stand in a folder of their own."""
    stage.served.fake.add_pull(7, OLD, head="stranger:topic")
    source = {"full_name": "stranger/shop", "owner": {"login": "stranger"}}
    event = {"workflow_run": {"head_sha": OLD, "head_branch": "topic", "head_repository": source, "pull_requests": []}}
    return stage.step("workflow_run", event, specs="proposed", own_specs="specs", config="reconcile.yaml", **given)


def propose(stage: Stage, name: str, spec: dict[str, Any]) -> None:
    stage.repository.write(f"proposed/{name}.yaml", yaml.safe_dump(spec))


def test_a_fork_is_told_what_it_proposes_and_no_value_that_is_live(stage: Stage) -> None:
    live = service("shop", "live-tag", {"key": "DSN", "value": "live-value"})
    live["workers"] = [{"name": "mails", "image": live["services"][0]["image"], "run_command": "live-command"}]
    stage.commit(shop=live)
    stage.step("workflow_dispatch", mode="apply")
    propose(stage, "shop", {**service("shop", "2"), "region": "nyc"})
    step = forked(stage)
    told = "\n".join([*step.log, step.summary, stage.comment()])
    assert "(live) → 2" in stage.comment()
    assert not [value for value in ("live-tag", "live-value", "live-command", "from fra") if value in told]


@pytest.mark.parametrize("asked", ["false", "true"])
def test_c65_a_comment_shows_what_only_live_has_if_it_is_asked_for(stage: Stage, asked: str) -> None:
    spec = service("shop", "1", {"key": "PIN", "value": "edited-by-hand"}, {"key": "API_TOKEN", "value": "a1b2c3d4e5"})
    stage.edit("shop", spec)
    stage.commit(shop=service("shop", "2", {"key": "PIN", "value": "of-git"}))
    step = stage.open_pull(7, OLD, show_live_values=asked)
    told = "\n".join([*step.log, step.summary, stage.comment()])
    assert "of-git" in told
    assert "1 → 2" in told
    drift = stage.step("schedule", {}, mode="drift", show_live_values=asked)
    told = "\n".join([told, *drift.log, drift.summary, str(stage.issue()["body"])])
    for value in ("edited-by-hand", "a1b2c3d4e5"):
        assert (value in told) is (asked == "true")


def told_with(stage: Stage, secrets: list[str]) -> str:
    """All that GitHub gets to see of an app with these secrets: comment, issue, summaries, log, outputs."""
    stage.served.reset()
    stage.steps.clear()

    def spec(tag: str) -> dict[str, Any]:
        made = service(
            "shop", tag, {"key": "PIN", "value": secrets[0], "type": "SECRET"}, {"key": "URL", "value": "x${B}"}
        )
        made["services"][0]["image"]["registry_credentials"] = secrets[1]
        made["services"][0]["log_destinations"] = [{"name": "tail", "logtail": {"token": secrets[2]}}]
        return made

    stage.repository.write("reconcile.yaml", "variables: [{name: B, secret: true}]\ndefaults: {health: {soak: 0s}}\n")
    given = {"app": "shop", "sarif_file": "out.sarif", "env": {"B": secrets[3]}}
    stage.commit(shop=spec("1"))
    assert stage.step("workflow_dispatch", mode="apply", **given).exit_code == 0
    stage.commit(shop=spec("2"))
    stage.open_pull(7, OLD, **given)
    stage.step("schedule", {}, mode="drift", **given)
    shown = [stage.comment(), str(stage.issue()["body"]), Path("out.sarif").read_text()]
    for step in stage.steps:
        shown += [step.summary, *step.log, *step.outputs.values()]
    numbers = r"(run|digest|drift)[=: `]+[0-9a-f.]+|runs/\d+|reconcile_[0-9a-f]{32}"
    others = r"|\d\d:\d\d(%20| )UTC|\b(?=\w*\d)[0-9a-f]{7}\b"
    return re.sub(numbers + others, "", comparable("\n".join(shown)))


@pytest.mark.parametrize(
    "secrets",
    [["true", "null", "8081", "abc"], ["shop", "1", "api", "e"], ["a b", '"', "</summary>", "::error::x"]],
)
def test_c66_what_github_sees_is_the_same_whatever_the_secrets_are(checkout: Stage, secrets: list[str]) -> None:
    assert told_with(checkout, secrets) == told_with(checkout, [f"s3cr3t-Q7w9-{number}Zz" for number in range(4)])


def test_a_fork_is_told_nothing_of_apps_that_the_repository_does_not_name(stage: Stage) -> None:
    Path("specs/desk.yaml").unlink()
    propose(stage, "desk", service("desk", "2"))
    step = forked(stage)
    assert (step.exit_code, step.outputs["apps"]) == (7, "[]")
    assert "do not name: desk" in step.summary


def test_without_a_token_a_merge_says_which_input_is_missing(checkout: Stage) -> None:
    step = checkout.step("push", {"commits": []}, mode="apply", token="")
    assert step.exit_code == 64
    assert "input token" in step.summary


@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch", "merge_group"])
def test_every_event_that_names_no_pull_request_gets_its_plan_in_the_summary(stage: Stage, event: str) -> None:
    stage.commit(shop=service("shop", "2"))
    step = stage.step(event, {"repository": {"full_name": REPO}}, mode="plan")
    assert (step.exit_code, step.outputs["changes"], stage.served.fake.log) == (0, "1", [])
    assert "1 to update" in step.summary


def test_a_secret_of_a_variable_reaches_no_output_even_if_the_platform_quotes_it(checkout: Stage) -> None:
    Path("reconcile.yaml").write_text("variables: [{name: STRIPE_KEY, secret: true}]\n")
    checkout.commit(shop=service("shop", "1", {"key": "STRIPE_KEY", "value": "${STRIPE_KEY}", "type": "SECRET"}))
    environ = checkout.environ("pull_request", pull_event(), sha=OLD) | {"STRIPE_KEY": "sk_live_0123456789"}
    checkout.served.fake.add_pull(7, OLD)
    step = command(checkout, environ)
    told = "\n".join([*step.log, step.summary, checkout.comment()])
    assert "STRIPE_KEY" in told
    assert "sk_live_0123456789" not in told


@pytest.mark.parametrize("name", ["INPUT_OF_OURS", "ACTIONS_RUNTIME_TOKEN"])
def test_no_spec_can_ask_for_what_the_runner_keeps_to_itself(checkout: Stage, name: str) -> None:
    Path("reconcile.yaml").write_text(f"variables: [{name}]\n")
    checkout.commit(shop=service("shop", "1", {"key": "LEAK", "value": f"${{{name}}}"}))
    step = checkout.step("push", {}, mode="plan", env={name: "a-value-to-keep"})
    assert step.exit_code == 3
    assert f"variable {name} is not set" in step.summary
    assert "a-value-to-keep" not in "\n".join([*step.log[2:], step.summary])


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "DIGITALOCEAN_TOKEN", "KEY"])
def test_c63_no_spec_is_given_a_token_and_no_output_shows_one(checkout: Stage, name: str) -> None:
    Path("reconcile.yaml").write_text(f"variables: [{name}]\n")
    checkout.commit(shop=service("shop", "1", {"key": "LEAK", "value": f"${{{name}}}"}))
    step = checkout.step("push", {}, mode="plan", env={name: TOKEN})
    assert step.exit_code == 3
    assert "this run's own token" in step.summary
    assert TOKEN not in "\n".join([*(line for line in step.log if "::add-mask::" not in line), step.summary])


@pytest.mark.parametrize("target", ["/proc/self/environ", "{outside}/other.yaml", "{checkout}/.git/config"])
@pytest.mark.parametrize("name", ["specs/shop.yaml", "reconcile.yaml", "policies/rule.json"])
def test_a_link_out_of_the_checkout_is_not_followed(
    checkout: Stage, tmp_path_factory: pytest.TempPathFactory, name: str, target: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    for file in (outside / "other.yaml", checkout.repository.root / ".git/config"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("extraheader: AUTHORIZATION\n")
    Path("policies").mkdir()
    Path(name).unlink(missing_ok=True)
    Path(name).symlink_to(target.format(outside=outside, checkout=checkout.repository.root))
    step = checkout.step("pull_request", pull_event(), token="", mode="validate")
    assert step.exit_code == 3
    assert f"{name}: error: this link points outside the checkout" in "\n".join(step.log)
    assert "extraheader" not in "\n".join([*step.log, step.summary])


def test_links_between_the_specs_of_a_repository_are_welcome(stage: Stage) -> None:
    Path("base").mkdir()
    Path("specs/shop.yaml").rename("base/shop.yaml")
    Path("specs/shop.yaml").symlink_to("../base/shop.yaml")
    assert stage.step("push", {}, mode="plan").outputs["changes"] == "0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_cancelled_says_what_goes_on_without_it(checkout: Stage, number: signal.Signals) -> None:
    checkout.served.box.configure(speed="realistic")
    checkout.served.fake.add_pull(7, OLD)
    checkout.served.fake.merge(7, MERGED)
    environ = checkout.environ("push", {"commits": [{"id": MERGED}]}, sha=MERGED, mode="apply", app="shop")
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", *ACTION["runs"]["args"]],
        env={"PATH": "/usr/bin:/bin", **environ},
        cwd=checkout.repository.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        log = []
        for line in process.stdout:
            if "following deployment" in line and not any("following deployment" in told for told in log):
                process.send_signal(number)
            log.append(line.rstrip("\n"))
    step = checkout.left(environ, process.returncode, log)
    assert (step.exit_code, step.outputs["exit-code"]) == (130, "130")
    for told in (step.summary, checkout.comment()):
        assert "Still running on App Platform" in told
        assert "shop" in told
    checkout.served.box.configure(speed="demo")


def command(stage: Stage, environ: dict[str, str]) -> Any:
    """The step as the container runs it: the image's entry point with the arguments of `action.yml`."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *ACTION["runs"]["args"]],
        env={"PATH": "/usr/bin:/bin", **environ},
        cwd=stage.repository.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return stage.left(environ, done.returncode, done.stdout.splitlines())


def test_c85_a_later_step_gets_the_address_the_ids_the_phase_and_the_page_of_each_app(stage: Stage) -> None:
    stage.commit(shop=service("shop", "2"))
    step = stage.step("workflow_dispatch", mode="apply")
    results = json.loads(step.outputs["results"])
    for name, outcome in (("shop", "applied"), ("desk", "unchanged")):
        live = stage.app(name)
        assert results[name] == {
            "app_id": live["id"],
            "live_url": live["live_url"],
            "deployment_id": live["active_deployment"]["id"],
            "phase": "ACTIVE",
            "console_url": "",  # not the vendor's account
            "outcome": outcome,
        }
    assert step.outputs["app-id"] == step.outputs["live-url"] == ""
    step = stage.step("workflow_dispatch", mode="apply", app="shop")
    alone = {name: step.outputs[name.replace("_", "-")] for name in ("app_id", "live_url", "deployment_id", "phase")}
    assert alone == {name: results["shop"][name] for name in alone}


@pytest.mark.parametrize("wanted", ["failed", "all", "none"])
def test_logs_are_folded_in_the_runners_log_as_far_as_they_are_asked_for(stage: Stage, wanted: str) -> None:
    stage.commit(
        shop=service("shop", "2", {"key": "KEY", "value": "s3cr3t-of-the-shop", "type": "SECRET"}),
        desk=service("desk", "2"),
    )
    stage.served.box.fail("shop", "deploy")
    step = stage.step("workflow_dispatch", mode="apply", logs=wanted)
    assert step.exit_code == 4
    titles = [line.removeprefix("::group::") for line in step.log if line.startswith("::group::")]
    assert step.log.count("::endgroup::") == len(titles)
    assert ([title for title in titles if title.startswith("desk: deploy log of deployment ")] != []) is (
        wanted == "all"
    )
    assert any(line.strip().startswith("log ") for line in "\n".join(step.log).split("\n")) is (wanted != "none")
    assert "s3cr3t-of-the-shop" not in "\n".join([*step.log, step.summary, *step.outputs.values()])


def test_the_sarif_of_an_apply_has_the_rollouts_that_failed(stage: Stage) -> None:
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "health")
    stage.step("workflow_dispatch", mode="apply", sarif_file="found.sarif")
    [result] = json.loads(Path("found.sarif").read_text())["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("rolled-back", "error")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "specs/shop.yaml"


# --- environments ---------------------------------------------------------------------------------------------------

ENVIRONMENTS = """\
defaults: {health: {soak: 2s, tolerance: 4s}}
environments:
  staging: {token: STAGING_TOKEN, rename: "{app}-staging", overlays: [overlays/staging]}
  production: {}
"""


@pytest.fixture
def two(checkout: Stage) -> Stage:
    """The apps in two environments, one with a token of its own and an overlay; not applied yet."""
    checkout.repository.write("reconcile.yaml", ENVIRONMENTS)
    checkout.repository.write("overlays/staging/shop.yaml", "name: shop\nregion: ams\n")
    checkout.commit()
    return checkout


STAGING = {"STAGING_TOKEN": "dop_v1_staging_token"}


def test_the_plans_of_all_environments_are_one_comment_in_which_a_change_is_said_once(two: Stage) -> None:
    for name in ("staging", "production"):
        step = two.step("workflow_dispatch", mode="apply", environment=name)
        assert step.exit_code == 0, step.log
    two.commit(shop=service("shop", "2"))
    step = two.open_pull(7, OLD, environment="all", env=STAGING)
    assert (step.exit_code, step.outputs["changes"], step.warnings) == (0, "2", [])
    assert [one["app"] for one in json.loads(step.outputs["apps"])] == ["staging/shop-staging", "production/shop"]
    comment = two.comment()
    assert "2 environments: changes in staging, production" in comment
    assert comment.count("1 → 2") == 1
    assert "update in staging, production" in comment
    assert "desk" not in comment, "it is in sync everywhere"
    assert STAGING["STAGING_TOKEN"] not in "\n".join([*step.log, step.summary, comment])


def test_of_all_environments_each_needs_its_own_token(two: Stage) -> None:
    step = two.open_pull(7, OLD, environment="all", env={"STAGING_TOKEN": ""})
    assert step.exit_code == 64
    assert "no API token: STAGING_TOKEN is empty" in step.summary


def test_a_fork_has_every_environment_validated(two: Stage) -> None:
    two.repository.write("overlays/staging/shop.yaml", "name: shop\nservices:\n- name: mian\n  instance_count: 2\n")
    two.commit()
    step = two.step("pull_request", pull_event(7, OLD, head="stranger/shop"), token="", environment="all")
    assert step.exit_code == 3
    assert "overlays/staging/shop.yaml:3:" in step.summary


@pytest.mark.parametrize(
    "inputs", [{"mode": "apply"}, {"mode": "drift"}, {"mode": "plan", "plan_file": "plan.json"}], ids=str
)
def test_all_environments_are_only_planned_and_validated(two: Stage, inputs: dict[str, str]) -> None:
    step = two.step("workflow_dispatch", environment="all", **inputs)
    assert step.exit_code == 64
    assert "environment: all works only in the modes plan and validate" in "\n".join(step.log)


def test_a_step_looks_only_at_apps_that_are_not_excluded_and_whose_files_changed(checkout: Stage) -> None:
    base = checkout.repository.repo.head().decode()
    checkout.commit(shop=service("shop", "2"), web=service("web", "1"))

    def looked_at(**given: str) -> set[str]:
        step = checkout.step("workflow_dispatch", mode="plan", **given)
        assert step.exit_code == 0
        return set(json.loads(step.outputs["results"]))

    assert looked_at() == {"desk", "shop", "web"}
    assert looked_at(exclude="web, d*") == {"shop"}
    assert looked_at(only_changed=base) == {"shop", "web"}
    assert looked_at(only_changed=base, exclude="web") == {"shop"}


# --- the report -----------------------------------------------------------------------------------------------------


def test_a_night_with_a_failure_is_one_report_that_says_what_failed_and_what_serves(stage: Stage) -> None:
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "deploy")
    step = stage.step("workflow_dispatch", mode="apply", environment="production", report_file="out/report.html")
    assert (step.exit_code, step.outputs["report-file"]) == (4, "out/report.html")
    page = Reader(Path("out/report.html").read_text(encoding="ascii"))
    assert "rolled back" in {one.get("data-states") for one in page.named("li")}
    assert "DeployContainerHealthChecksFailed" in page.text
    assert "Last 4 lines of its log" in page.text
    assert "Timeline" in page.text
    assert "environmentproduction" in page.text
    assert "s3cr3t-of-the-shop" not in Path("out/report.html").read_text(encoding="ascii")


def test_the_report_of_a_fork_says_nothing_that_only_app_platform_has(stage: Stage) -> None:
    stage.commit(shop=service("shop", "2"))
    step = stage.step("pull_request", pull_event(head="stranger/shop"), own_specs="specs", report_file="out.html")
    page = Reader(Path("out.html").read_text(encoding="ascii"))
    assert step.outputs["report-file"] == "out.html"
    assert "(live)" in page.text
    assert "Last deployments" not in page.text


def test_every_mode_has_a_page(checkout: Stage) -> None:
    for mode in ("validate", "plan", "drift"):
        step = checkout.step("workflow_dispatch", mode=mode, report_file=f"{mode}.html")
        assert step.outputs["report-file"] == f"{mode}.html"
        assert f"reconcile {mode}" in Reader(Path(f"{mode}.html").read_text(encoding="ascii")).text
    checkout.commit(shop={"name": "SHOP"})
    step = checkout.step("workflow_dispatch", mode="plan", report_file="invalid.html")
    assert (step.exit_code, step.outputs["report-file"]) == (3, "invalid.html")
    assert "specs/shop.yaml" in Reader(Path("invalid.html").read_text(encoding="ascii")).text
