"""C90: what the tool leaves behind, and where it may run: an action as root, a workspace that is read-only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from reconciler.cli.connect import open_sandbox
from reconciler.errors import ReconcileError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("user", "given"), [(0, [".reconcile", "sandbox.db"]), (1000, [])])
def test_c90_what_root_makes_in_a_workspace_belongs_to_the_owner_of_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, given: list[str]
) -> None:
    chowned: list[tuple[str, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "chown", lambda path, uid, _gid: chowned.append((Path(path).name, uid)))
    for _ in range(2):  # what was there before stays whose it was
        open_sandbox(tmp_path / ".reconcile" / "sandbox.db").close()
    assert chowned == [(name, tmp_path.stat().st_uid) for name in given]


def test_c90_a_read_only_workspace_is_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ReconcileError, match=r"cannot keep its state in .*: Read-only file system") as refused:
        open_sandbox(tmp_path / ".reconcile" / "sandbox.db")
    assert "RECONCILE_SANDBOX_FILE" in refused.value.hint


def test_c90_every_hook_of_pre_commit_takes_yaml_and_json_specs_and_one_formats() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert {name: hook["entry"] for name, hook in hooks.items()} == {
        "reconcile-validate": "reconcile validate",
        "reconcile-fmt": "reconcile fmt --check",
        "reconcile-format": "reconcile fmt",
    }
    for hook in hooks.values():
        assert hook["types_or"] == ["yaml", "json"]
        assert hook["files"].endswith(r"\.(ya?ml|json)$")
        assert hook.get("require_serial") or not hook["pass_filenames"], "one start for all files"
