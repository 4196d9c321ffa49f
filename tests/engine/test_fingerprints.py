"""Secrets on the whole path: kept by default, rotated by name, noticed by fingerprints where that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import UsageError
from reconciler.plan import secret_fingerprints as fingerprints
from reconciler.plan.align import stored_in
from reconciler.plan.canonical import Opaque, canonical
from reconciler.plan.model import Action, SyncStatus
from reconciler.plan.secret_fingerprints import Fingerprints, SecretMatch
from reconciler.redaction import KEY_VARIABLE
from reconciler.sandbox.simulation.normalise import decrypt
from tests.support.account import World, notes, paths, service, web

KEY = "correct horse battery staple"
CONFIG: dict[str, Any] = {
    "variables": [{"name": "TOKEN", "secret": True}, "CREDENTIALS", "LOGS", "HEADER"],
    "defaults": {"health": {"soak": "0s"}},
}
MARKED = {**CONFIG, "defaults": {"health": {"soak": "0s"}, "secrets": "fingerprint"}}
VALUES = {"TOKEN": "sk-live-1", "CREDENTIALS": "user:pass-1", "LOGS": "log-token-1", "HEADER": "header-value-1"}
SECRETS = {
    "TOKEN": "services/api/envs/TOKEN/value",
    "CREDENTIALS": "services/api/image/registry_credentials",
    "LOGS": "services/api/log_destinations/tail/logtail/token",
    "HEADER": "services/api/log_destinations/http/headers/authorization/value",
}


def spec(**service_fields: Any) -> dict[str, Any]:
    """A service with a secret of each kind."""
    out = web(
        envs=[{"key": "TOKEN", "value": "${TOKEN}", "type": "SECRET"}, {"key": "LEVEL", "value": "info"}],
        log_destinations=[
            {"name": "tail", "logtail": {"token": "${LOGS}"}},
            {
                "name": "http",
                "endpoint": "https://logs.example.com",
                "headers": [{"key": "authorization", "value": "${HEADER}"}],
            },
        ],
        **service_fields,
    )
    service(out)["image"]["registry_credentials"] = "${CREDENTIALS}"
    return out


@pytest.fixture
def applied(world: World) -> World:
    world.configure(CONFIG)
    world.box.configure(encrypts_log_tokens=True)
    world.environ |= VALUES
    world.commit(0, spec())
    assert world.outcome() == "applied"
    return world


@pytest.fixture
def marked(world: World) -> World:
    world.configure(MARKED)
    world.box.configure(encrypts_log_tokens=True)
    world.environ |= {**VALUES, KEY_VARIABLE: KEY}
    world.commit(0, spec())
    assert world.outcome() == "applied"
    return world


def sent(world: World) -> dict[str, Any]:
    """The spec of the last write."""
    found: dict[str, Any] = world.tap.writes[-1][2]["spec"]
    return found


def token_of(found: dict[str, Any]) -> str:
    return str(next(env["value"] for env in service(found)["envs"] if env["key"] == "TOKEN"))


def test_c01_c02_secrets_are_kept_and_are_no_change_whatever_their_plaintext(applied: World):
    live = applied.live().spec
    assert applied.one().action is Action.NONE
    applied.environ |= {name: f"{value}-new" for name, value in VALUES.items()}
    plan = applied.one()
    assert (plan.status, paths(plan)) == (SyncStatus.IN_SYNC, [])
    assert notes(plan) == dict.fromkeys(SECRETS.values(), "kept")
    applied.commit(1, spec(instance_count=2))
    assert applied.outcome() == "applied"
    assert token_of(sent(applied)) == token_of(live)
    assert service(sent(applied))["image"]["registry_credentials"] == service(live)["image"]["registry_credentials"]


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("web/api/TOKEN", {"TOKEN"}),
        ("web/TOKEN", {"TOKEN"}),
        ("web/registry_credentials", {"CREDENTIALS"}),
        ("web/api/tail/token", {"LOGS"}),
        ("web/authorization", {"HEADER"}),
        ("web/api", set(SECRETS)),
    ],
)
def test_a_rotation_sends_the_new_value_of_what_it_names_and_of_nothing_else(applied: World, entry, names):
    applied.environ |= {name: f"{value}-new" for name, value in VALUES.items()}
    plan = applied.one(rotate=frozenset({entry}))
    assert set(paths(plan)) == {SECRETS[name] for name in names}
    assert all(change.sensitive for change in plan.changes)
    assert applied.outcome(rotate=frozenset({entry})) == "applied"
    text = str(sent(applied))
    assert {name for name in VALUES if f"{VALUES[name]}-new" in text} == names


@pytest.mark.parametrize("entry", ["web/api/TYPO", "web", "web/", "other/TOKEN", "web/LEVEL", "we/TOKEN"])
def test_a_rotation_that_names_nothing_is_an_error_that_says_what_there_is(applied: World, entry):
    applied.tap.sent.clear()
    with pytest.raises(UsageError) as refused:
        applied.plan(rotate=frozenset({entry}))
    assert entry in refused.value.message
    assert not applied.tap.sent
    assert not any(value in refused.value.message + refused.value.hint for value in VALUES.values())


def test_a_secret_without_a_value_in_git_keeps_what_is_live_and_cannot_be_rotated(applied: World):
    without = spec()
    del service(without)["envs"][0]["value"]
    applied.commit(1, without)
    assert applied.one().action is Action.NONE
    with pytest.raises(UsageError):
        applied.plan(rotate=frozenset({"web/TOKEN"}))


def test_c07_the_literal_ciphertext_of_live_is_no_change(applied: World):
    literal = spec()
    service(literal)["envs"][0]["value"] = token_of(applied.live().spec)
    applied.commit(1, literal)
    plan = applied.one()
    assert plan.action is Action.NONE
    assert SECRETS["TOKEN"] not in notes(plan)
    service(literal)["envs"][0]["value"] = "EV[1:b3RoZXI=:b3RoZXI=]"
    applied.commit(2, literal)
    assert paths(applied.one()) == [SECRETS["TOKEN"]]


# --- fingerprints ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECRETS)
def test_a_changed_secret_of_any_kind_is_noticed_sent_and_then_in_sync(marked: World, name):
    assert marked.one().status is SyncStatus.IN_SYNC
    marked.environ[name] = "quite-another-value"
    plan = marked.one()
    assert paths(plan) == [SECRETS[name]]
    assert notes(plan) == {path: "sent" if path == SECRETS[name] else "kept" for path in SECRETS.values()}
    assert marked.outcome() == "applied"
    assert "quite-another-value" in str(sent(marked))
    assert sum(value in str(sent(marked)) for value in VALUES.values()) == 0, "the others are kept"
    assert marked.one().status is SyncStatus.IN_SYNC
    assert marked.outcome() == "unchanged"


def test_an_app_in_sync_costs_one_request_with_fingerprints_too(marked: World):
    assert marked.plan().requests == 1


def test_fingerprints_are_kept_in_one_build_time_variable_and_are_no_difference(marked: World):
    envs = marked.live().spec["envs"]
    assert [(env["key"], env["scope"]) for env in envs] == [("RECONCILE_FINGERPRINTS", "BUILD_TIME")]
    assert envs[0]["value"].startswith("v1:")
    assert not any(value in envs[0]["value"] for value in (*VALUES.values(), KEY))
    marked.edit(lambda live: live.update(region="fra"))
    assert paths(marked.one(drift=True)) == ["region"]


def test_what_is_sent_is_gits_document_and_that_variable(marked: World):
    document = spec()
    found = sent(marked)
    (ours,) = found.pop("envs")
    assert ours["key"] == "RECONCILE_FINGERPRINTS"
    assert found.keys() == document.keys()


def test_opting_in_sends_each_secret_once_and_says_so(applied: World):
    applied.configure(MARKED)
    applied.environ[KEY_VARIABLE] = KEY
    plan = applied.one()
    assert set(notes(plan).values()) == {"sent"}
    assert {note.text for note in plan.notes} == {"no fingerprint stored yet; future changes will be detected"}
    assert applied.outcome() == "applied"
    assert applied.one().status is SyncStatus.IN_SYNC


def test_opting_out_leaves_the_app_alone_until_something_else_changes(marked: World):
    marked.configure(CONFIG)
    assert marked.one().status is SyncStatus.IN_SYNC
    marked.commit(1, spec(instance_count=2))
    assert marked.outcome() == "applied"
    assert "RECONCILE_FINGERPRINTS" not in str(marked.live().spec)


def test_without_the_key_nothing_is_planned_and_the_reason_says_where_to_put_it(marked: World):
    for key in ("", "too short"):
        marked.environ[KEY_VARIABLE] = key
        with pytest.raises(UsageError) as refused:
            marked.plan()
        assert "RECONCILE_FINGERPRINT_KEY" in refused.value.message
        assert "too short" not in refused.value.message


def test_another_key_counts_every_secret_as_unknown(marked: World):
    marked.environ[KEY_VARIABLE] = "another key of enough length"
    assert set(notes(marked.one()).values()) == {"sent"}


def test_c45_a_changed_secret_that_was_rolled_back_is_stalled_and_not_tried_again(marked: World):
    marked.environ["TOKEN"] = "a-value-that-breaks"
    marked.box.fail("web", "deploy")
    assert marked.outcome() == "rolled_back"
    assert marked.one().status is SyncStatus.STALLED
    assert marked.outcome() == "stalled"
    marked.environ["TOKEN"] = "a-value-that-works"
    assert marked.one().action is Action.UPDATE
    assert marked.outcome() == "applied"
    assert marked.one().status is SyncStatus.IN_SYNC


def test_an_ignored_secret_is_neither_sent_nor_marked(marked: World):
    config = {**MARKED, "apps": {"web": {"ignore": ["/services/api/envs/TOKEN"]}}}
    marked.configure(config)
    marked.environ["TOKEN"] = "of-no-interest"
    assert marked.one().status is SyncStatus.IN_SYNC
    marked.commit(1, spec(instance_count=2))
    assert marked.outcome() == "applied"
    assert "of-no-interest" not in str(sent(marked))
    marked.configure(MARKED)
    assert paths(marked.one()) == [SECRETS["TOKEN"]], "what was never sent is not known"


def test_a_renamed_app_is_sent_its_secrets_marks_under_its_new_name(marked: World):
    marked.configure({**MARKED, "moved": {"web": "site"}})
    (marked.specs / "web.yaml").unlink()
    marked.commit(1, {**spec(), "name": "site"})
    plan = marked.one("site")
    assert paths(plan) == ["name"]
    assert marked.outcome("site") == "applied"


def test_the_value_the_platform_stores_is_the_one_that_git_wants(marked: World):
    marked.environ["TOKEN"] = "the-new-value"
    marked.apply()
    app = marked.live()
    assert decrypt(b"seed:1", app.id, token_of(app.spec)) == "the-new-value"


# --- the fingerprints themselves -------------------------------------------------------------------------------------

texts = st.text(max_size=40)
places = st.lists(st.text(max_size=8), min_size=1, max_size=5).map(tuple)
prints = Fingerprints(KEY)


def stored(text: str) -> dict[str, str]:
    return stored_in(canonical({"envs": [{"key": fingerprints.VARIABLE, "value": text}]}))


@given(places, texts, texts)
def test_a_value_is_the_same_as_itself_and_as_no_other(path, one, other):
    kept = stored(prints.text("web", {path: Opaque(one)}))
    assert prints.verdict("web", path, Opaque(one), kept) is SecretMatch.SAME
    assert prints.verdict("web", path, Opaque(other), kept) is (
        SecretMatch.SAME if one == other else SecretMatch.CHANGED
    )


@given(places, places, texts)
def test_equal_secrets_at_two_places_or_in_two_apps_look_different(path, other, value):
    kept = stored(prints.text("web", {path: Opaque(value)}))
    if other != path:
        assert prints.verdict("web", other, Opaque(value), kept) is SecretMatch.UNKNOWN
        both = stored(prints.text("web", {path: Opaque(value), other: Opaque(value)}))
        assert len(set(both.values())) == 2
    assert prints.verdict("site", path, Opaque(value), kept) is SecretMatch.CHANGED


@given(places, texts.filter(lambda value: len(value) > 3))
def test_neither_the_value_nor_the_place_nor_the_key_can_be_read_from_them(path, value):
    text = prints.text("web", {path: Opaque(value)})
    assert value not in text
    assert KEY not in text + repr(prints)


@given(st.text())
def test_what_somebody_else_wrote_into_the_variable_breaks_nothing(text):
    assert isinstance(stored(text), dict)


def test_fingerprints_are_the_same_in_every_release():
    text = prints.text("web", {("services", "api", "envs", "TOKEN", "value"): Opaque("sk-live-1")})
    assert text == FIXED


FIXED = "v1:d7ad8af227d5=ARhaC0iOsS7L_FMocwnBeg"
