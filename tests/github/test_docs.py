"""The documents and workflows say what the action is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from reconciler import REPOSITORY, __version__
from tests.github.runner import ACTION, ROOT

WORKFLOWS = [*(ROOT / ".github/workflows").glob("*.yml"), *(ROOT / "docs/workflows").glob("*.yml")]
NAME = REPOSITORY.removeprefix("https://github.com/")
PINNED = re.compile(r"^\s*(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # v(\d+\.\d+\.\d+)$")


def table(kind: str) -> str:
    """The table of inputs or outputs as docs/github.md has it."""
    rows = [f"| {kind[:-1]} | default | meaning |" if kind == "inputs" else f"| {kind[:-1]} | meaning |"]
    rows.append("| --- | --- | --- |" if kind == "inputs" else "| --- | --- |")
    for name, about in ACTION[kind].items():
        default = f"`{about['default']}` | " if about.get("default") else " | " if kind == "inputs" else ""
        rows.append(f"| `{name}` | {default}{about['description']} |")
    return "\n".join(rows)


TABLES = [
    (document, kind)
    for document in ("README.md", "docs/github.md")
    for kind in ("inputs", "outputs")
    if f"<!-- {kind} -->" in (ROOT / document).read_text(encoding="utf-8")
]


@pytest.mark.parametrize(("document", "kind"), TABLES)
def test_the_tables_of_the_documents_are_those_of_action_yml(document: str, kind: str) -> None:
    assert ("docs/github.md", "inputs") in TABLES
    assert ("docs/github.md", "outputs") in TABLES
    text = (ROOT / document).read_text(encoding="utf-8")
    assert text.partition(f"<!-- {kind} -->\n")[2].partition(f"\n<!-- /{kind} -->")[0] == table(kind)


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_a_workflow_gives_only_inputs_that_there_are_and_no_permission_by_default(workflow: Path) -> None:
    whole = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert whole["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in whole["jobs"].values())
    for step in steps(workflow):
        if step.get("uses", "").startswith((f"{NAME}@", "./")):
            assert set(step["with"]) <= set(ACTION["inputs"])


def test_every_action_of_others_is_pinned_by_commit_and_everywhere_by_the_same_one() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for workflow in WORKFLOWS:
        for line in workflow.read_text(encoding="utf-8").splitlines():
            if " uses: " in line and not re.search(rf"uses: ({NAME}@v1|\./)", line):
                match = PINNED.match(line)
                assert match, f"{workflow.name}: {line.strip()}"
                pins.setdefault(match[1], set()).add((match[2], match[3]))
    assert {name: len(found) for name, found in pins.items() if len(found) > 1} == {}
    assert "actions/checkout" in pins


def test_a_fork_s_commits_are_checked_out_as_data_and_the_opt_in_says_so() -> None:
    """actions/checkout refuses them in a privileged run otherwise."""
    found = 0
    for workflow in WORKFLOWS:
        whole = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        if "workflow_run" not in whole[True]:  # YAML 1.1 reads the key `on` as true
            continue
        for step in steps(workflow):
            if step.get("uses", "").startswith("actions/checkout@") and "repository" in step["with"]:
                found += 1
                assert step["with"]["allow-unsafe-pr-checkout"] is True
                assert step["with"]["persist-credentials"] is False
                assert step["with"]["path"] == "proposed"
                assert step["env"]["GIT_CONFIG_KEY_0"] == "core.symlinks"
        assert not [step for step in steps(workflow) if "run" in step]
    assert found == 1


def test_every_example_sets_the_declared_variables_and_only_those_that_apply_have_their_values() -> None:
    for workflow in (ROOT / "docs/workflows").glob("*.yml"):
        for step in steps(workflow):
            if step.get("uses", "").startswith(f"{NAME}@"):
                real = step["with"]["mode"] == "apply"
                assert step["env"]["STRIPE_KEY"] == ("${{ secrets.STRIPE_KEY }}" if real else "placeholder")


def test_a_merge_queue_s_runs_cancel_nobody_else_s() -> None:
    whole = yaml.safe_load((ROOT / "docs/workflows/pull-request.yml").read_text(encoding="utf-8"))
    assert "merge_group" in whole[True]
    assert "github.ref" in whole["concurrency"]["group"]


@pytest.mark.parametrize(
    ("head", "run", "found"), [("abc", "42", True), ("", "42", False), ("abc", "", False)], ids=["", "pushed", "forked"]
)
def test_a_merge_takes_the_plan_of_its_own_pull_request_or_none(
    tmp_path: Path, head: str, run: str, *, found: bool
) -> None:
    [step] = [step for step in steps(ROOT / "docs/workflows/merge.yml") if step.get("id") == "plan"]
    gh = tmp_path / "gh"
    gh.write_text(
        f'#!/bin/sh\ncase "$2" in *commits*) echo {head};; *) echo "$@" > {tmp_path}/asked; echo {run};; esac\n'
    )
    gh.chmod(0o755)
    output = tmp_path / "output"
    output.touch()
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(output)}
    done = subprocess.run(["bash", "-e", "-c", step["run"]], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode == 0, output.read_text()) == (found, f"run={run}\n" if found else "")
    assert ("start this workflow by hand" in done.stdout) is not found
    if head:
        asked = (tmp_path / "asked").read_text()
        assert f"/workflows/pull-request.yml/runs?event=pull_request&status=success&head_sha={head} " in asked
        assert "select(.head_repository.full_name == env.GITHUB_REPOSITORY)" in asked
    assert 'select(.merged_at and .base.ref == "main")' in step["run"]


def test_every_documented_workflow_is_named_in_the_document() -> None:
    text = (ROOT / "docs/github.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "docs/workflows").glob("*.yml")}
    assert names == set(re.findall(r"\(workflows/([\w.-]+)\)", text))


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "checks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_release_points_the_action_at_its_image_and_changes_nothing_else() -> None:
    image = f"ghcr.io/acme/reconciler@sha256:{'0' * 64}"
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    published = yaml.safe_load(script("publish_action").pointed_at(text, image))
    assert published["runs"].pop("image") == f"docker://{image}"
    assert ACTION["runs"]["image"] == "Dockerfile"
    assert published == ACTION | {"runs": {key: value for key, value in ACTION["runs"].items() if key != "image"}}


@pytest.mark.parametrize("image", ["ghcr.io/acme/reconciler:1.0.0", "x@sha256:12", f"a b@sha256:{'0' * 64}"])
def test_a_release_needs_an_image_by_digest(image: str) -> None:
    with pytest.raises(SystemExit, match="digest"):
        script("publish_action").pointed_at((ROOT / "action.yml").read_text(encoding="utf-8"), image)


def test_a_release_that_was_pointed_already_is_refused() -> None:
    image = f"ghcr.io/acme/reconciler@sha256:{'0' * 64}"
    publish = script("publish_action")
    once = publish.pointed_at((ROOT / "action.yml").read_text(encoding="utf-8"), image)
    with pytest.raises(SystemExit, match="one line"):
        publish.pointed_at(once, image)


def test_only_a_full_version_moves_its_major_tag() -> None:
    assert script("publish_action").tags_of("1.4.0") == ("v1.4.0", "v1")
    for version in ("1.4", "1.4.0rc1", "v1.4.0", "1.4.0\n"):
        with pytest.raises(SystemExit):
            script("publish_action").tags_of(version)


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_gitlab_example_is_one(tmp_path: Path) -> None:
    [example] = [block for block in blocks("docs/gitlab.md", "yaml") if "rules:" in block]
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(example)
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_kubernetes_example_runs_as_nobody_on_a_read_only_file_system() -> None:
    [example] = [block for block in blocks("docs/elsewhere.md", "yaml") if "CronJob" in block]
    cron = next(part for part in yaml.safe_load_all(example) if part["kind"] == "CronJob")
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_pre_commit_hooks_run_the_command() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [(hook["id"], hook["entry"]) for hook in hooks] == [
        ("reconcile-validate", "reconcile validate"),
        ("reconcile-fmt", "reconcile fmt --check"),
        ("reconcile-format", "reconcile fmt"),
    ]
    # One call each, whatever was committed.
    assert [hook.get("pass_filenames", True) and not hook.get("require_serial") for hook in hooks] == [False] * 3


def test_the_version_stands_once_and_a_release_is_held_against_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "reconciler/__init__.py"
    [check] = [
        step["run"] for step in steps(ROOT / ".github/workflows/release.yml") if "__version__" in step.get("run", "")
    ]
    for version, found in ((__version__, 0), ("0.0.0", 1)):
        grep = ["bash", "-ec", check.splitlines()[1]]
        assert (
            subprocess.run(grep, cwd=ROOT, env={"VERSION": version, "PATH": "/usr/bin:/bin"}, check=False).returncode
            == found
        )


def test_nobody_is_told_to_install_a_stranger_s_package() -> None:
    """`reconciler` on the package index is not this project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == "app-platform-reconciler"
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("reconciler/**/*.py")]:
        assert not re.search(r"install '?reconciler", file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize(("changed", "exit_code"), [("true", 0), ("false", 0), ("false", 3)])
def test_a_promotion_is_a_pull_request_only_if_it_changed_something_and_did_not_fail(
    tmp_path: Path, changed: str, exit_code: int
) -> None:
    promote, request = [step for step in steps(ROOT / "docs/workflows/promote.yml") if "run" in step]
    assert request["if"] == "steps.promote.outputs.changed == 'true'"
    assert promote["shell"] == "bash"
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexit {exit_code}\n')
    (tmp_path / "git").write_text(f"#!/bin/sh\n[ {changed} = false ]\n")
    for name in ("docker", "git"):
        (tmp_path / name).chmod(0o755)
    output = tmp_path / "output"
    output.touch()
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(tmp_path), "PWD": "/"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", promote["run"]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == exit_code
    assert output.read_text() == ("" if exit_code else f"changed={changed}\n")
    assert (tmp_path / "asked").read_text().rstrip().endswith("promote staging production")
