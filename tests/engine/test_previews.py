"""Previews through the engine, on the sandbox: made, judged, within their budget, ended; nothing else is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.desired.load import DesiredApp
from reconciler.desired.preview_mark import VARIABLE, Mark, PullRequest, mark_of, marked
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.engine.preview import up
from reconciler.engine.preview_down import down, listed, sweep
from reconciler.engine.previews import Previewed
from reconciler.engine.promotion import Proven, candidates
from reconciler.errors import InvalidInput, PlanMismatch, UsageError
from reconciler.exit_codes import Exit
from reconciler.live.models import Deployment
from reconciler.sandbox import Fault
from reconciler.yamltext import Document
from tests.support.account import CONFIG, World
from tests.support.previews import COMMIT, IMAGE, NEWER, PULL, REPO, Front, lookalikes, shop

NAME = Mark("shop", REPO, 12, COMMIT).name


class Previews(World):
    """An account and a repository with previews."""

    front = Front()

    def settings(self, **preview: Any) -> None:
        self.configure({**CONFIG, "preview": preview})

    def up(self, pull: PullRequest = PULL, images: Mapping[str, str] = {}, **wanted: Any) -> Previewed:
        return self.ask(lambda client: up(self.options(**wanted), pull, images, self._with(client), self.clock))

    def down(self, number: int = 12, **wanted: Any) -> Previewed:
        return self.ask(
            lambda client: down(self.options(**wanted), REPO, number, "closed", self._with(client), self.clock)
        )

    def sweep(self, *pulls: PullRequest) -> Previewed:
        async def judge(numbers: Collection[int]) -> Mapping[int, PullRequest]:
            return {pull.number: pull for pull in pulls if pull.number in numbers}

        return self.ask(lambda client: sweep(self.options(), REPO, judge, self._with(client), self.clock))

    def listed(self) -> list[str]:
        return [one.state for one in self.ask(lambda client: listed(self.options(), REPO, self._with(client)))]

    def _with(self, client: Any) -> Front:
        self.front = Front(client, agree=self.front.agree)
        return self.front


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Previews]:
    made = Previews(tmp_path)
    made.write(shop())
    yield made
    made.close()


def states(done: Previewed) -> list[str]:
    return [one.state for one in done.states]


def test_a_preview_is_made_is_healthy_and_then_in_sync(world: Previews) -> None:
    done = world.up()
    assert (states(done), done.exit_code(up=True)) == (["healthy"], Exit.OK)
    assert world.names() == [NAME]
    assert done.states[0].url
    again = world.up()
    assert states(again) == ["healthy"]
    assert again.rollout is not None
    assert again.rollout.records[0].outcome.kind.value == "unchanged"


def test_the_next_push_deploys_the_newest_commit(world: Previews) -> None:
    world.up()
    before = world.live(NAME).active_deployment
    done = world.up(replace(PULL, commit=NEWER))
    after = world.live(NAME)
    assert states(done) == ["healthy"]
    assert before is not None
    assert after.active_deployment is not None
    assert before.id != after.active_deployment.id
    mark = mark_of(after.spec)
    assert mark is not None
    assert mark.commit == NEWER
    (put,) = [body for method, _, body in world.tap.writes if method == "PUT"]
    assert put["update_all_source_versions"] is True


def test_a_first_deployment_that_fails_keeps_its_logs_and_the_next_push_tries_again(world: Previews) -> None:
    world.box.fail(NAME, "build")
    done = world.up()
    assert states(done) == ["failed"]
    assert done.exit_code(up=True) is not Exit.OK
    assert not done.states[0].url
    assert done.rollout is not None
    failure = done.rollout.records[0].failure
    assert failure is not None
    assert failure.log_lines
    assert states(world.up()) == ["failed"]  # the same commit is not tried again
    assert states(world.up(replace(PULL, commit=NEWER))) == ["healthy"]


def test_a_push_that_fails_leaves_the_preview_on_the_commit_before(world: Previews) -> None:
    world.up()
    world.box.fail(NAME, "deploy")
    done = world.up(replace(PULL, commit=NEWER))
    assert states(done) == ["failed"]
    assert done.exit_code(up=True) is Exit.ROLLED_BACK


def test_down_ends_the_previews_of_one_pull_request_and_is_done_when_there_are_none(world: Previews) -> None:
    world.up()
    world.up(replace(PULL, number=13))
    assert states(world.down()) == ["gone"]
    assert world.names() == [Mark("shop", REPO, 13, COMMIT).name]
    done = world.down()
    assert (done.states, done.exit_code()) == ((), Exit.OK)


@pytest.mark.parametrize("name", ["shop", "shop-staging", "sh*"])
def test_down_takes_either_name_of_an_app_as_up_does(world: Previews, name: str) -> None:
    world.configure({**CONFIG, "environments": {"staging": {"rename": "{app}-staging"}}})
    options = {"environment": "staging", "apps": frozenset({name})}
    assert states(world.up(**options)) == ["healthy"]
    assert states(world.down(**options)) == ["gone"]
    assert world.names() == []
    assert states(world.down(**options)) == []


def test_down_takes_the_name_of_an_app_that_git_no_longer_has(world: Previews) -> None:
    world.up()
    world.write(shop("store"))
    (world.specs / "shop.yaml").unlink()
    assert states(world.down(apps=frozenset({"shop"}))) == ["gone"]


def test_down_refuses_a_name_that_fits_no_app(world: Previews) -> None:
    world.up()
    with pytest.raises(UsageError, match="no app of that name has previews: shpo") as refused:
        world.down(apps=frozenset({"shpo"}))
    assert refused.value.hint == "did you mean shop?"
    assert world.names() == [NAME]


def test_another_account_than_the_named_one_is_never_said_to_have_no_previews(world: Previews) -> None:
    world.box.configure(team="Acme")
    world.up()
    world.configure({**CONFIG, "account": {"team": "Globex"}})
    for run in (lambda: world.down(99), world.sweep, world.listed):
        with pytest.raises(PlanMismatch, match="this token belongs to the team 'Acme'"):
            run()
    assert world.names() == [NAME]
    world.configure({**CONFIG, "account": {"team": "Acme"}})
    assert (world.listed(), states(world.down(99)), states(world.down())) == (["live"], [], ["gone"])


def test_nothing_that_only_looks_like_a_preview_is_ever_touched(world: Previews) -> None:
    made = [world.create(spec) for spec in lookalikes()]
    ids = {app.id for app in made}
    world.up()
    world.tap.sent.clear()
    assert states(world.down()) == ["gone"]
    for number in (98, 99):
        assert world.down(number).states == ()
        with pytest.raises(PlanMismatch, match="no mark that proves it"):
            world.up(replace(PULL, number=number))
    assert world.sweep(*(replace(PULL, number=number, is_open=False) for number in (12, 98, 99))).states == ()
    assert {app.id for app in world.ask(lambda client: client.list_apps())} == ids
    touched = [path for _, path, _ in world.tap.writes if any(one in path for one in ids)]
    assert touched == []


def test_an_app_that_git_names_is_no_preview_whatever_its_mark(world: Previews) -> None:
    world.up()
    live = world.live(NAME)
    world.write({**shop(), "name": NAME, "domains": []}, file="specs/copied.yaml")
    assert world.down(apps=frozenset({"shop"})).states == ()
    assert world.sweep(replace(PULL, is_open=False)).states == ()
    with pytest.raises(PlanMismatch, match="which is never a preview"):
        world.up(apps=frozenset({"shop"}))
    assert world.live(NAME).id == live.id


def test_an_app_that_an_environment_names_is_no_preview(world: Previews) -> None:
    world.up()
    before, _, after = NAME.partition("shop")
    world.configure({**CONFIG, "environments": {"odd": {"rename": f"{before}{{app}}{after}"}}})
    assert world.down(environment="odd").states == ()
    assert world.names() == [NAME]


def test_a_spec_that_cannot_be_read_ends_nothing(world: Previews) -> None:
    world.up()
    world.repository.write("specs/broken.yaml", "name: [")
    with pytest.raises(InvalidInput):
        world.down()
    with pytest.raises(InvalidInput):
        world.sweep(replace(PULL, is_open=False))
    assert world.names() == [NAME]


def test_the_sweep_ends_what_is_closed_and_nothing_that_is_unknown_which_is_an_error(world: Previews) -> None:
    for number in (1, 2, 3):
        world.up(replace(PULL, number=number))
    done = world.sweep(replace(PULL, number=1), replace(PULL, number=2, is_open=False))
    assert [(one.pull, one.state) for one in done.states] == [(2, "gone"), (1, "live"), (3, "live")]
    assert "did not say" in done.states[2].reason
    assert done.exit_code() is Exit.ERROR
    world.at(8)
    done = world.sweep()
    assert (states(done), done.exit_code()) == (["gone", "gone"], Exit.OK)


def test_a_preview_is_listed_with_its_cost_and_its_end(world: Previews) -> None:
    world.up()
    (one,) = world.ask(lambda client: listed(world.options(), REPO, world._with(client)))
    assert (one.cost, one.pull, one.commit, one.state) == (5.0, 12, COMMIT, "live")
    assert one.expires is not None


def test_the_budget_is_never_exceeded_and_its_numbers_are_named(world: Previews) -> None:
    world.settings(max={"count": 1})
    world.up()
    with pytest.raises(PlanMismatch, match=r"1 previews and 1 more are over preview.max.count 1"):
        world.up(replace(PULL, number=13))
    assert states(world.up(replace(PULL, commit=NEWER))) == ["healthy"]
    world.settings(max={"dollars": 9})
    with pytest.raises(PlanMismatch, match=r"\$10.00 a month, over preview.max.dollars 9"):
        world.up(replace(PULL, number=13))
    assert world.names() == [NAME]


def test_a_pinned_preview_is_taken_down_all_the_same(world: Previews) -> None:
    world.up()
    first = world.live(NAME).active_deployment
    world.up(replace(PULL, commit=NEWER))
    assert first is not None
    app = world.live(NAME).id
    world.ask(lambda client: client.roll_back(app, first.id))
    world.clock.run(world.clock.sleep(5))
    assert states(world.down()) == ["gone"]
    assert world.names() == []


def test_what_a_person_does_not_agree_to_is_not_done(world: Previews) -> None:
    world.up()
    world.front.agree = False
    assert world.down().declined
    assert world.up(replace(PULL, commit=NEWER)).declined
    mark = mark_of(world.live(NAME).spec)
    assert mark is not None
    assert mark.commit == COMMIT


def test_a_preview_that_changes_while_it_is_taken_down_is_looked_at_again(world: Previews) -> None:
    world.up()
    world.box.fault(Fault("server_error", operation="apps_delete", times=1))
    assert states(world.down()) == ["gone"]


def test_a_preview_that_is_left_undone_suggests_its_own_command_and_never_an_apply(world: Previews) -> None:
    def suggested(done: Previewed) -> set[str]:
        assert done.rollout is not None
        return {command for record in done.rollout.records for command in record.outcome.commands}

    up, down, sweep = (
        f"reconcile preview {which} --repository {REPO}" for which in ("up --pull 12", "down --pull 12", "sweep")
    )
    world.box.fault(Fault("server_error", operation="apps_create", times=99))
    assert up in (found := suggested(world.up()))
    assert "reconcile" not in found
    world.box.clear_faults()
    world.up()
    world.box.fault(Fault("server_error", operation="apps_delete", times=99))
    assert down in (found := suggested(world.down()))
    assert "reconcile" not in found
    world.up(replace(PULL, number=13))
    assert sweep in (found := suggested(world.sweep(*(replace(PULL, number=one, is_open=False) for one in (12, 13)))))
    assert "reconcile" not in found


def test_an_image_has_the_tag_that_is_given_and_an_unknown_component_is_a_mistake(world: Previews) -> None:
    world.write(shop(workers=[{"name": "mail", "image": IMAGE}]))
    world.up(images={"mail": "pr-12"})
    assert world.live(NAME).spec["workers"][0]["image"]["tag"] == "pr-12"
    with pytest.raises(UsageError, match="no component with an image: main"):
        world.up(images={"main": "pr-12"})


def test_a_secret_without_a_value_is_an_error_only_where_previews_are_to_have_it(world: Previews) -> None:
    key = {"key": "STRIPE_KEY", "value": "${STRIPE_KEY}", "type": "SECRET"}
    world.write(shop(envs=[key]))
    world.configure({**CONFIG, "variables": ["STRIPE_KEY"]})
    assert states(world.up()) == ["healthy"]
    assert [env["key"] for env in world.live(NAME).spec["envs"]] == [VARIABLE]
    world.configure({**CONFIG, "variables": ["STRIPE_KEY"], "preview": {"secrets": ["STRIPE_KEY"]}})
    with pytest.raises(InvalidInput) as wrong:
        world.up(replace(PULL, commit=NEWER))
    assert "no value here: STRIPE_KEY" in wrong.value.findings[0].message
    assert states(world.up(replace(PULL, fork="x/shop", number=14))) != []


def test_a_fork_that_runs_another_commit_than_the_allowed_one_is_taken_down(
    world: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.sandbox.simulation.simulation import Platform

    built = {"commit": COMMIT}
    monkeypatch.setattr(Platform, "_commits", lambda *_, **__: {"web": built["commit"]})
    fork = replace(PULL, fork="stranger/shop")
    assert states(world.up(fork)) == ["healthy"]
    built["commit"] = NEWER
    done = world.up(replace(fork, number=13))
    assert (states(done), done.exit_code(up=True)) == (["gone"], Exit.REFUSED)
    assert "only aaaaaaa is allowed" in done.states[0].reason
    assert world.names() == [NAME]


def test_an_app_of_nothing_but_schedules_has_no_preview(world: Previews) -> None:
    nightly = {"name": "nightly", "kind": "SCHEDULED", "schedule": {"cron": "0 3 * * *"}, "image": IMAGE}
    world.write({"name": "shop", "jobs": [nightly]})
    assert states(world.up()) == ["none"]
    assert world.names() == []


def test_apps_without_previews_cannot_be_asked_for(world: Previews) -> None:
    world.settings(apps=["other-*"])
    with pytest.raises(UsageError, match="none of these apps has previews"):
        world.up()


def test_a_plan_takes_a_preview_neither_for_unmanaged_nor_for_a_renamed_app(world: Previews) -> None:
    world.up()
    world.write({**shop("shop"), "name": "shop"})
    report = world.plan(unmanaged=True)
    assert report.unmanaged == ()
    assert [one.code for plan in report.plans for one in plan.findings] == []


def test_an_import_takes_the_mark_off(world: Previews, tmp_path: Path) -> None:
    world.up()
    importer = Importer.read(tmp_path / "new", RunOptions((tmp_path / "new",)))
    done = importer.write(world.live(NAME))
    assert VARIABLE not in done.file.read_text()


def test_a_promotion_never_takes_a_mark_along() -> None:
    image = {"services": [{"name": "web", "image": IMAGE}]}
    ours, theirs = (marked({"name": "shop", **image}, Mark("shop", REPO, 12, commit)) for commit in (COMMIT, NEWER))
    app = DesiredApp("shop", ours, Document("specs/shop.yaml", "", 0, None))
    sources: Any = None  # only asked about values that are promoted
    assert list(candidates(app, Proven(Deployment(spec=theirs)), sources)) == []


def test_a_preview_waits_until_production_has_requests_to_spare(world: Previews) -> None:
    reserved: list[int] = []

    def spied(client: Any) -> Any:
        own = client.reserve

        def reserve(key: str, requests: int) -> Any:
            reserved.append(requests)
            return own(key, requests)

        client.reserve = reserve
        return up(world.options(), PULL, {}, world._with(client), world.clock)

    world.ask(spied)
    assert reserved[0] == 1500


def test_a_pull_request_that_no_mark_can_hold_is_refused(world: Previews) -> None:
    with pytest.raises(UsageError, match="not a pull request"):
        world.up(replace(PULL, commit="main"))
