"""The variable that keeps an app's fingerprints: what is put into a spec, what is hidden, what is left of others'."""

from __future__ import annotations

import pytest

from reconciler.appspec.secrets import plain as shown
from reconciler.appspec.secrets import plaintext_secrets
from reconciler.desired.export import export_spec
from reconciler.plan.align import Secrets, hidden, stored_in
from reconciler.plan.canonical import Opaque, canonical
from reconciler.plan.compare import payload
from reconciler.plan.secret_fingerprints import (
    VARIABLE,
    Fingerprints,
    SecretMatch,
    unencrypted,
    with_variable,
    without_variable,
)
from tests.plan.platform import CIPHER, app, env, secret

OURS = {"key": VARIABLE, "value": "v1:0123=abcd", "scope": "BUILD_TIME"}
SECRETS = Secrets(fingerprints=Fingerprints("correct horse battery staple"))


def test_plans_see_the_other_variables_and_never_ours():
    assert hidden(canonical(app(envs=[env("A", "1"), OURS]))) == canonical(app(envs=[env("A", "1")]))
    assert hidden(canonical(app(envs=[OURS]))) == canonical(app())


@pytest.mark.parametrize("spec", [app(), app(envs=[env("A", "1")]), app(envs="odd")])
def test_what_has_no_variable_of_ours_is_not_even_copied(spec):
    tree = canonical(spec)
    assert hidden(tree) is tree


@pytest.mark.parametrize(
    ("envs", "left"),
    [
        ([OURS], {}),
        ([env("A", "1"), OURS, env("B", "2")], {"envs": [env("A", "1"), env("B", "2")]}),
        ([], {"envs": []}),
        (["odd", OURS], {"envs": ["odd"]}),
        ("odd", {"envs": "odd"}),
    ],
)
def test_git_gets_the_other_variables_as_they_stand(envs, left):
    spec = app(envs=envs)
    assert without_variable(spec) == {**app(), **left}
    assert spec == app(envs=envs)


def test_an_app_without_a_plaintext_secret_is_sent_no_fingerprints():
    spec = app(envs=[env("A", "1"), secret("B", "EV[1:abcd:efgh]")])
    assert payload(spec, None, secrets=SECRETS) == spec


def test_fingerprints_of_before_go_with_the_last_secret_they_speak_of():
    assert with_variable(app(envs=[OURS, env("A", "1")]), "") == app(envs=[env("A", "1")])


def test_fingerprints_stand_once_and_behind_the_apps_own_variables():
    sent = payload(app(envs=[OURS, secret("A", "hunter2")]), None, secrets=SECRETS)
    assert [item["key"] for item in sent["envs"]] == ["A", VARIABLE]
    assert sent["envs"][1]["value"] not in ("", OURS["value"])


@pytest.mark.parametrize("scrawl", ["", "abcd", "caf\u00e9", "\ud800"])
def test_a_fingerprint_that_somebody_wrote_over_counts_as_changed(scrawl):
    prints, path = Fingerprints("correct horse battery staple"), ("envs", "A", "value")
    tag = prints.text("web", {path: Opaque("hunter2")}).partition("=")[0]
    tree = canonical(app(envs=[env(VARIABLE, f"{tag}={scrawl}")]))
    assert prints.verdict("web", path, Opaque("hunter2"), stored_in(tree)) is SecretMatch.CHANGED


def test_a_reference_gives_nothing_away_in_git_and_is_encrypted_like_any_other_secret():
    """Without its fingerprint a variable that refers to another one would be sent with every run."""
    values = {"PLAIN": "sk-live-1", "REFERENCE": "${db.PASSWORD}", "CIPHER": CIPHER, "EMPTY": ""}
    spec = app(envs=[secret(key, value) for key, value in values.items()])
    assert dict(plaintext_secrets(spec)) == {"/envs/0/value": "sk-live-1"}
    assert list(unencrypted(canonical(spec))) == [("envs", "PLAIN", "value"), ("envs", "REFERENCE", "value")]


def test_a_misspelt_type_makes_a_secret_wherever_that_is_asked():
    spec = app(envs=[{"key": "K", "value": "sk-live-1", "type": "SECRT"}])
    assert dict(plaintext_secrets(spec)) == {"/envs/0/value": "sk-live-1"}
    assert list(unencrypted(canonical(spec))) == [("envs", "K", "value")]
    assert "sk-live-1" not in str(shown(spec))
    assert "sk-live-1" not in export_spec(spec)
