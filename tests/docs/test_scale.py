"""The manifests of docs/scale.md and docs/elsewhere.md are what Kubernetes and the runners accept."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from reconciler.engine.shards import shard_of_job

DOCS = Path(__file__).parents[2] / "docs"


def manifests(page: str) -> list[Any]:
    """The Kubernetes objects in a page's blocks of YAML."""
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return [one for block in blocks if "apiVersion:" in block for one in yaml.safe_load_all(block)]


@pytest.mark.parametrize("page", ["scale.md", "elsewhere.md"])
@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_a_manifest_is_one_of_kubernetes_and_has_no_unknown_field(page: str, version: str) -> None:
    found = manifests(page)
    assert found
    for manifest in found:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_of_a_manifest_is_seen() -> None:
    (job,) = manifests("scale.md")
    job["spec"]["completion"] = job["spec"].pop("completions")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.37", strict=True)


def test_the_parts_of_the_indexed_job_are_all_of_the_apps() -> None:
    (job,) = manifests("scale.md")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    environ = {one["name"]: one["value"] for one in container["env"]}
    parts = [
        shard_of_job(environ | {"JOB_COMPLETION_INDEX": str(index)}) for index in range(job["spec"]["completions"])
    ]
    assert parts == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "--shard auto" in container["args"][0]


def test_every_environment_of_the_matrix_has_its_own_specs_token_and_queue() -> None:
    (job,) = yaml.safe_load((DOCS / "workflows/fleet.yml").read_text(encoding="utf-8"))["jobs"].values()
    assert job["concurrency"] == {
        "group": "apply-${{ matrix.environment }}", "cancel-in-progress": False, "queue": "max",
    }  # fmt: skip
    assert job["environment"] == "${{ matrix.environment }}"
    assert job["strategy"]["fail-fast"] is False
    assert job["timeout-minutes"] < 360
