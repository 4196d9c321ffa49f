"""C37 and C41 on the whole path: exit codes of failures, and tags that move."""

from __future__ import annotations

import pytest

from reconciler.engine import load as loading
from reconciler.engine import safety
from reconciler.exit_codes import Exit
from reconciler.findings import Severity
from tests.support.account import CONFIG, World, service, web


@pytest.mark.parametrize(
    ("on_failure", "code"),
    [("rollback", Exit.ROLLED_BACK), ("pin", Exit.ROLLED_BACK), ("leave", Exit.PERSON_NEEDED)],
)
@pytest.mark.parametrize("where", ["build", "deploy"])
def test_c37_a_failure_never_ends_with_exit_code_0(world: World, on_failure, code, where):
    world.configure({"defaults": {"health": {"soak": "0s"}, "on_failure": on_failure}})
    spec = web(github={"repo": "acme/api", "branch": "main"})
    del service(spec)["image"]
    world.write(spec)
    assert safety.of_rollout(world.apply()) is Exit.OK
    world.box.fail("web", where)
    service(spec)["instance_count"] = 2
    world.write(spec)
    assert safety.of_rollout(world.apply()) is code
    assert safety.of_rollout(world.apply()) not in (Exit.OK, Exit.DIFFERENCES)


def test_c37_a_first_failure_and_a_deployment_that_never_ends_are_failures_too(world: World):
    world.configure({"defaults": {**CONFIG["defaults"], "timeouts": {"build": "60s", "deploy": "60s"}}})
    world.write(web())
    world.box.fail("web", "deploy")
    assert safety.of_rollout(world.apply()) is Exit.PERSON_NEEDED
    world.write(web("slow"))
    world.box.configure(speed={"deploy": 1e9})
    report = world.apply(apps=frozenset({"slow"}))
    assert safety.of_rollout(report) is Exit.ERROR
    assert report.left_running == ("slow",)


def test_c41_a_tag_that_moves_is_a_warning_with_its_place(world: World):
    spec = web()
    for tag in ("latest", None):
        service(spec)["image"].pop("tag", None)
        service(spec)["image"] |= {"tag": tag} if tag else {}
        world.write(spec)
        found = [one for one in loading.check(world.options()).findings if one.code == "mutable-tag"]
        assert [one.severity for one in found] == [Severity.WARNING]
        assert found[0].location
        assert found[0].location.line
    service(spec)["image"] = {**service(spec)["image"], "digest": "sha256:" + "a" * 64}
    world.write(spec)
    assert "mutable-tag" not in [one.code for one in loading.check(world.options()).findings]
