"""Odd and damaged Git repositories: who made a difference is unknown, with the true reason, and nothing is pruned."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.desired.git_history import History
from reconciler.desired.git_repository import HistoryGap
from reconciler.errors import PlanMismatch
from tests.support.account import World, web

Damage = Callable[[Path], object]
"""Changes the repository at a folder."""

READABLE, MISSING, DAMAGED, NOWHERE = (
    "",
    "objects are missing",
    "damaged or of an unknown kind",
    "nor a link to a repository",
)
UNSUPPORTED = "not supported"


def config(change: Callable[[bytes], bytes]) -> Damage:
    def damage(root: Path) -> None:
        file = root / ".git/config"
        file.write_bytes(change(file.read_bytes()))

    return damage


def extended(*extensions: str, version: bytes = b"1") -> Damage:
    lines = "".join(f"\t{line}\n" for line in extensions).encode()
    old, new = b"repositoryformatversion = 0", b"repositoryformatversion = " + version
    return config(lambda text: text.replace(old, new) + b"[extensions]\n" + lines)


def including(target: str) -> Damage:
    return config(lambda text: text + f"[include]\n\tpath = {target}\n".encode())


def wrote(path: str, content: bytes) -> Damage:
    def damage(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)

    return damage


def without(kind: bytes) -> Damage:
    def damage(root: Path) -> None:
        for file in objects(root):
            if zlib.decompress(file.read_bytes()).startswith(kind):
                file.unlink()

    return damage


def objects(root: Path) -> list[Path]:
    return sorted((root / ".git/objects").glob("??/*"))


def overwritten(content: bytes) -> Damage:
    def damage(root: Path) -> None:
        for file in objects(root):
            file.chmod(0o644)
            file.write_bytes(content)

    return damage


def git_file(content: bytes) -> Damage:
    def damage(root: Path) -> None:
        shutil.rmtree(root / ".git")
        (root / ".git").write_bytes(content)

    return damage


def moved_outside(root: Path) -> None:
    shutil.move(root / ".git", root.parent / "elsewhere.git")
    (root / ".git").write_text(f"gitdir: {root.parent}/elsewhere.git\n")


def instead_of(path: str, make: Callable[[Path], object]) -> Damage:
    def damage(root: Path) -> None:
        (shutil.rmtree if (root / path).is_dir() else Path.unlink)(root / path)
        make(root / path)

    return damage


def packed(root: Path) -> None:
    shutil.rmtree(root / ".git/refs/heads")
    (root / ".git/packed-refs").write_bytes(b"\xff garbage\n")


CASES: dict[str, tuple[Damage, str]] = {
    "nothing odd": (lambda _: None, READABLE),
    "a byte order mark in the configuration": (config(lambda text: b"\xef\xbb\xbf" + text), READABLE),
    "a configuration that is none": (config(lambda _: b"\x00\xff[["), DAMAGED),
    "a configuration that is a device": (
        instead_of(".git/config", lambda at: at.symlink_to("/dev/zero")),
        "regular file",
    ),
    "a configuration that is a folder": (instead_of(".git/config", Path.mkdir), "Is a directory"),
    "an include that is missing": (including("nowhere"), READABLE),
    "an include that is a folder": (including("hooks"), READABLE),
    "an include that never ends": (including("/dev/zero"), READABLE),
    "an include of itself": (including("config"), READABLE),
    "an include of an unknown person's": (including("~nobody-here/x"), READABLE),
    "a partial clone": (extended("partialClone = origin"), READABLE),
    "a partial clone without blobs": (without(b"blob"), MISSING),
    "a partial clone without trees": (without(b"tree"), MISSING),
    "a clone without commits": (without(b"commit"), MISSING),
    "reftable": (extended("refStorage = reftable"), "reftable"),
    "other hashes": (extended("objectFormat = sha256"), DAMAGED),
    "an unknown extension": (extended("worktreeCapsules = true"), UNSUPPORTED),
    "an unknown version": (extended(version=b"99"), UNSUPPORTED),
    "a version that is no number": (extended(version=b"x"), DAMAGED),
    "objects that are none": (overwritten(b"garbage"), DAMAGED),
    "a HEAD that is none": (wrote(".git/HEAD", b"\xff\xfe"), DAMAGED),
    "a HEAD that leads nowhere": (wrote(".git/HEAD", b"1" * 40 + b"\n"), MISSING),
    "a HEAD that refers to itself": (wrote(".git/HEAD", b"ref: HEAD\n"), DAMAGED),
    "packed references that are none": (packed, DAMAGED),
    "a list of shallow commits that is none": (wrote(".git/shallow", b"zzz\n\xff"), DAMAGED),
    "alternates that are none": (wrote(".git/objects/info/alternates", b"/nowhere\n\xff\x00\n"), READABLE),
    "a commit graph that is none": (wrote(".git/objects/info/commit-graph", b"CGPHgarbage"), DAMAGED),
    "a common folder that is missing": (wrote(".git/commondir", b"/nowhere\n"), "not in a Git repository"),
    "a .git that leads outside": (moved_outside, READABLE),
    "a .git that leads nowhere": (git_file(b"gitdir: /nowhere/at/all\n"), NOWHERE),
    "a .git that leads to no repository": (git_file(b"gitdir: /etc\n"), NOWHERE),
    "a .git that is empty": (git_file(b""), DAMAGED),
    "a .git that is a FIFO": (instead_of(".git", os.mkfifo), NOWHERE),
    "a .git that is a device": (instead_of(".git", lambda at: at.symlink_to("/dev/zero")), NOWHERE),
    "a .git that is a link to itself": (instead_of(".git", lambda at: at.symlink_to(".git")), NOWHERE),
}


@pytest.fixture
def drifted(tmp_path: Path) -> Iterator[World]:
    """An app that was changed live, with two commits of its spec."""
    world = World(tmp_path)
    world.commit(0, web(instance_count=1))
    world.commit(1, web(instance_count=2))
    world.apply()
    world.edit(lambda spec: spec["services"][0].update(instance_count=5))
    yield world
    world.close()


@pytest.mark.parametrize(("damage", "why"), CASES.values(), ids=CASES)
def test_what_git_cannot_show_is_unknown_for_its_true_reason(drifted: World, damage: Damage, why: str) -> None:
    damage(drifted.root)
    found = drifted.drift().attribution
    assert found is not None
    assert (found.kind == "unknown") is bool(why), found
    assert why in found.text
    (drifted.specs / "web.yaml").rename(drifted.root / "moved-away")
    if why:
        with pytest.raises(PlanMismatch, match=why.replace(".", r"\.")):
            drifted.plan(prune=True)
    else:
        assert [finding.code for finding in drifted.plan(prune=True).findings] == ["no-specs"]


def test_a_reason_never_quotes_the_repository(drifted: World) -> None:
    (drifted.root / ".git/config").write_text("header = AUTHORIZATION: basic c2VjcmV0\n")
    with pytest.raises(HistoryGap) as caught:
        History.open(drifted.specs)
    assert str(caught.value) == "the repository is damaged or of an unknown kind (ValueError)"
