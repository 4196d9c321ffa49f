"""C90: a release rehearsed without a network: every step of the workflow that is a script, in a scratch repository.

`docker` and `gh` are fakes: a registry that is a folder, and GitHub's API over the scratch repository's own objects.
Also: whatever names the package, the image or the action names the same one, at the version that is released.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import REPOSITORY, __version__

ROOT = Path(__file__).parents[2]
NAME = REPOSITORY.removeprefix("https://github.com/")
CHECKED = "version and repository are those of reconciler/__init__.py, on main"

DOCKER = f"""#!{sys.executable}
import hashlib, os, pathlib, sys
words, registry = sys.argv[1:], pathlib.Path(os.environ["REGISTRY"])
if words[:3] == ["buildx", "imagetools", "create"]:
    tags = [words[at + 1].replace("/", "_") for at, word in enumerate(words) if word == "--tag"]
    parts = [word for word in words if "@sha256:" in word]
    for tag in tags:
        (registry / tag).write_text(hashlib.sha256("".join(parts).encode()).hexdigest())
elif words[:3] == ["buildx", "imagetools", "inspect"]:
    kept = registry / words[3].replace("/", "_")
    print("sha256:" + (kept.read_text() if kept.exists() else "b" * 64))
else:
    sys.exit(f"unexpected: docker {{words}}")
"""

GH = f"""#!{sys.executable}
import json, os, pathlib, subprocess, sys
def git(*words, text="", **more):
    done = subprocess.run(["git", *words], input=text, text=True, stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, **more))
    return done.stdout.strip()
words = sys.argv[1:]
if words[:2] == ["release", "create"]:
    pathlib.Path(os.environ["REGISTRY"], "release").write_text("\\n".join(words[2:]))
    sys.exit()
method, path = words[2], words[3].split("/git/")[1]
body = json.load(sys.stdin)
if path == "trees":
    index = dict(GIT_INDEX_FILE="scratch-index")
    git("read-tree", body["base_tree"], **index)
    for item in body["tree"]:
        blob = git("hash-object", "-w", "--stdin", text=item["content"])
        git("update-index", "--add", "--cacheinfo", f"{{item['mode']}},{{blob}},{{item['path']}}", **index)
    print(json.dumps(dict(sha=git("write-tree", **index))))
elif path == "commits":
    parents = [word for parent in body["parents"] for word in ("-p", parent)]
    print(json.dumps(dict(sha=git("commit-tree", body["tree"], *parents, "-m", body["message"]))))
else:
    ref = body.get("ref") or "refs/" + path.removeprefix("refs/")
    there = subprocess.run(["git", "show-ref", "--verify", "--quiet", ref]).returncode == 0
    if there != (method == "PATCH"):
        sys.exit(f"{{method}} {{ref}}: 422")
    git("update-ref", ref, body["sha"])
    print("{{}}")
"""


class Rehearsal:
    """The scratch repository, its fakes, and the steps of the workflow in it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.registry = folder / "checkout", folder / "registry"
        self.registry.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name, text in (("docker", DOCKER), ("gh", GH)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        kept = ("pyproject.toml", "README.md", "LICENSE", "action.yml", "CHANGELOG.md", "checks/publish_action.py")
        for name in kept:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        shutil.copytree(ROOT / "reconciler", self.root / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "--quiet", "--initial-branch=main")
        self.version = ""
        workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
        self.jobs: dict[str, Any] = workflow["jobs"]

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
        done = subprocess.run(["git", *who, *words], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def prepare(self, version: str) -> None:
        """Commit what a person does before a release: the version, and the changelog's section."""
        self.version = version
        module = self.root / "reconciler/__init__.py"
        module.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', module.read_text()))
        changes = self.root / "CHANGELOG.md"
        changes.write_text(changes.read_text().replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{version}]\n", 1))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", version)

    def step(self, job: str, name: str, **given: str) -> dict[str, str]:
        """Run one step's script; returns its outputs."""
        [step] = [step for step in self.jobs[job]["steps"] if step.get("name") == name]
        output = self.root.parent / "output"
        output.write_text("")
        own = os.environ["PATH"]
        environ = {
            "PATH": f"{self.bin}:{Path(sys.executable).parent}:{own}",
            "HOME": str(self.root.parent),
            "REGISTRY": str(self.registry),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": self.git("rev-parse", "HEAD"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": NAME,
            **{f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            "BASE": "python:3",
            "VERSION": self.version,
            **given,
        }
        script = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
        subprocess.run(script, cwd=self.root, env=environ, check=True, capture_output=True, text=True)
        return dict(line.split("=", 1) for line in output.read_text().splitlines())

    def release(self) -> str:
        """Go through the workflow; returns the image by digest."""
        self.step("check", CHECKED)
        assert self.step("check", "the base image by digest")["base"].startswith("python:3@sha256:")
        image = self.step("check", "the image's name")["image"]
        digests = self.root / "digests"
        digests.mkdir(exist_ok=True)
        for old in digests.iterdir():
            old.unlink()
        for platform in (self.version, f"arm {self.version}"):
            (digests / hashlib.sha256(platform.encode()).hexdigest()).touch()
        digest = self.step("image", "one index of both platforms", IMAGE=image)["digest"]
        self.step("action", "point the action at the image, tag it, move the major tag", IMAGE=f"{image}@{digest}")
        self.step("action", "release")
        return f"{image}@{digest}"

    def action(self, tag: str) -> str:
        """What the action runs at a tag."""
        runs: str = yaml.safe_load(self.git("show", f"{tag}:action.yml"))["runs"]["image"]
        return runs


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path)


def test_c90_a_release_goes_through_and_the_next_one_moves_the_major_tag(rehearsal: Rehearsal) -> None:
    rehearsal.prepare("1.2.3")
    first = rehearsal.release()
    assert (rehearsal.action("v1.2.3"), rehearsal.action("v1")) == (f"docker://{first}",) * 2
    assert first.startswith(f"ghcr.io/{NAME.lower()}@sha256:")
    published = {path.name for path in rehearsal.registry.iterdir()}
    assert {f"ghcr.io_{NAME.lower().replace('/', '_')}:{tag}" for tag in ("1.2.3", "1")} <= published
    assert "v1.2.3" in (rehearsal.registry / "release").read_text().split()
    assert rehearsal.git("diff", "--name-only", "main", "v1.2.3") == "action.yml"

    rehearsal.prepare("1.3.0")
    second = rehearsal.release()
    assert second != first
    assert (rehearsal.action("v1.2.3"), rehearsal.action("v1")) == (f"docker://{first}", f"docker://{second}")


@pytest.mark.parametrize("wrong", ["version", "changelog", "branch", "repository"])
def test_c90_a_release_of_something_else_than_main_says_is_refused(rehearsal: Rehearsal, wrong: str) -> None:
    rehearsal.prepare("1.2.3")
    given = {"version": {"VERSION": "1.2.4"}, "branch": {"GITHUB_REF": "refs/heads/topic"}}
    given["repository"] = {"GITHUB_REPOSITORY": "stranger/reconciler"}
    if wrong == "changelog":
        (rehearsal.root / "CHANGELOG.md").write_text("# Changelog\n")
    with pytest.raises(subprocess.CalledProcessError):
        rehearsal.step("check", CHECKED, **given.get(wrong, {}))


def test_c90_a_version_is_published_once(rehearsal: Rehearsal) -> None:
    rehearsal.prepare("1.2.3")
    rehearsal.release()
    with pytest.raises(subprocess.CalledProcessError):
        rehearsal.release()


def test_c90_the_package_has_the_name_and_the_version_that_are_released(rehearsal: Rehearsal) -> None:
    rehearsal.prepare("1.2.3")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(build, cwd=rehearsal.root, check=True, capture_output=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    named = f"{project.replace('-', '_')}-1.2.3-py3-none-any.whl"
    assert [wheel.name for wheel in (rehearsal.root / "dist").iterdir()] == [named]


_OF_OURS = re.compile(
    r"(?:github\.com/|githubusercontent\.com/|ghcr\.io/|uses: |--repo |`)([\w-]+/reconciler)\b(@v[\d.]+|:\d[\d.]*)?"
)


def test_c90_every_example_names_the_same_owner_and_a_version_that_there_is() -> None:
    """Who publishes under another account replaces the owner everywhere (`git grep OWNER`): this finds what is left."""
    major = __version__.partition(".")[0]
    versions = {"", f"@v{major}", f":{major}", f":{__version__}"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    places = ("README.md", "action.yml", "docs/", ".github/", "reconciler/")
    read = [name for name in listed if name.startswith(places) and (ROOT / name).suffix in (".md", ".yml", ".py")]
    found = {
        (name, match[1], match[2] or "")
        for name in read
        for match in _OF_OURS.finditer((ROOT / name).read_text(encoding="utf-8"))
    }
    assert {name for name, _, _ in found} >= {"docs/github.md", "docs/workflows/merge.yml", "reconciler/__init__.py"}
    assert [one for one in sorted(found) if one[1] != NAME or one[2] not in versions] == []
