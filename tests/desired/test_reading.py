from pathlib import Path

import pytest

from reconciler.config import Config
from reconciler.desired.load import load
from reconciler.redaction import TOKEN_VARIABLES

TEXT = """\
name: ${APP}
services:
- name: api
  instance_count: ${COUNT}
  http_port: 80${COUNT}
  future: ${COUNT}
  future_text: "${COUNT}"
  run_command: serve --port ${PORT} --tag ${TAG}-${TAG}
  ${TAG}: kept
  image: {registry_type: DOCR, repository: app, tag: "${TAG}"}
  envs:
  - {key: URL, value: "${db.DATABASE_URL}"}
  - {key: KEY, value: "k-${KEY}", type: SECRET}
  - {key: SIZE, value: "${COUNT}"}
"""
VARIABLES = ["APP", "COUNT", "TAG", "KEY"]
ENVIRON = {"APP": "web", "COUNT": "3", "TAG": "1.4", "KEY": "hunter2", "PORT": "9999"}


def loaded(tmp_path: Path, text: str, variables, environ, given=None):
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    return load([file], config=Config.model_validate({"variables": variables}), environ=environ, variables=given or {})


def test_c06_only_declared_variables_are_substituted_and_only_in_values(tmp_path):
    result = loaded(tmp_path, TEXT, VARIABLES, ENVIRON)
    (app,) = result.apps
    assert app.name == "web"
    api = app.spec["services"][0]
    assert api["run_command"] == "serve --port ${PORT} --tag 1.4-1.4"
    assert api["${TAG}"] == "kept"
    assert api["image"]["tag"] == "1.4"
    assert [env["value"] for env in api["envs"]] == ["${db.DATABASE_URL}", "k-hunter2", "3"]
    assert result.findings == ()


def test_a_field_that_is_nothing_but_a_variable_gets_the_type_yaml_gives_it(tmp_path):
    api = loaded(tmp_path, TEXT, VARIABLES, ENVIRON).apps[0].spec["services"][0]
    assert (api["instance_count"], api["http_port"], api["future"], api["future_text"]) == (3, "803", 3, "3")


def test_substituted_places_and_secrets_are_remembered(tmp_path):
    (app,) = loaded(tmp_path, TEXT, VARIABLES, ENVIRON).apps
    assert "/services/0/envs/1/value" in app.substituted
    assert "/services/0/envs/0/value" not in app.substituted
    assert app.secrets == {"hunter2", "k-hunter2"}
    assert "hunter2" not in repr(app)


def test_c06_an_unset_variable_is_an_error_with_its_place_and_name(tmp_path):
    result = loaded(tmp_path, TEXT, VARIABLES, {key: value for key, value in ENVIRON.items() if key != "TAG"})
    assert {(finding.code, finding.location.line, finding.location.column) for finding in result.findings} == {
        ("unset-variable", 8, 16),
        ("unset-variable", 10, 54),
    }
    assert all(finding.is_error and "TAG" in finding.message for finding in result.findings)
    assert result.apps[0].spec["services"][0]["image"]["tag"] == "${TAG}"


def test_an_empty_variable_is_a_warning(tmp_path):
    result = loaded(tmp_path, "name: web\nregion: ${R}\n", ["R"], {"R": ""})
    assert [(finding.code, finding.is_error) for finding in result.findings] == [("empty-variable", False)]


def test_values_by_hand_win_over_the_environment_and_that_over_the_default(tmp_path):
    variables = [{"name": "A", "default": "d"}, {"name": "B", "default": "d"}, {"name": "C", "default": "d"}]
    text = "name: web\nfeatures: ['${A}', '${B}', '${C}']\n"
    result = loaded(tmp_path, text, variables, {"A": "e", "B": "e"}, {"A": "h"})
    assert result.apps[0].spec["features"] == ["h", "e", "d"]


def test_a_value_for_what_nobody_declares_is_an_error_with_the_name_that_was_meant(tmp_path):
    (finding,) = loaded(tmp_path, "name: web\n", ["IMAGE_TAG"], {}, {"IMAGE_TAGS": "1"}).findings
    assert (finding.code, finding.hint) == ("undeclared-variable", "did you mean IMAGE_TAG?")


def test_a_value_cannot_add_to_the_document_nor_be_substituted_again(tmp_path):
    evil = 'x", "name": "evil\nregion: nyc ${B}'
    result = loaded(tmp_path, 'name: web\nfeatures: ["${A}"]\n', ["A", "B"], {"A": evil, "B": "b"})
    assert result.apps[0].spec == {"name": "web", "features": [evil]}


def test_values_of_secret_variables_are_secret_wherever_they_are_used(tmp_path):
    variables = [{"name": "A", "secret": True}, "B"]
    text = "name: web\nfeatures: ['${A}', '${B}']\n"
    (app,) = loaded(tmp_path, text, variables, {"A": "s3cret", "B": "plain"}).apps
    assert app.secrets == {"s3cret"}


@pytest.mark.parametrize(
    ("value", "kind", "secret"),
    [
        ("hunter2", "SECRET", True),
        ("hunter2", "SECRT", True),
        ("hunter2", "GENERAL", False),
        ("EV[1:abc:def]", "SECRET", False),
        ("${db.PASSWORD}", "SECRET", False),
        ("postgres://${db.HOST}", "SECRET", True),
        ("", "SECRET", False),
    ],
)
def test_plaintext_in_secret_fields_is_known_and_nothing_else(tmp_path, value, kind, secret):
    text = f"name: web\nenvs:\n- {{key: K, value: '{value}', type: {kind}}}\n"
    assert loaded(tmp_path, text, [], {}).apps[0].secrets == ({value} if secret else set())


def test_c02_credentials_other_than_variables_are_secret_too(tmp_path):
    text = """\
name: web
services:
- name: api
  image: {registry_credentials: user:s-registry}
  log_destinations:
  - {name: aa, datadog: {endpoint: e, api_key: s-datadog}}
  - {name: bb, logtail: {token: s-logtail}}
  - {name: cc, papertrail: {endpoint: e}, headers: [{key: Authorization, value: s-header}]}
  - {name: dd, open_search: {basic_auth: {user: u, password: s-password}}}
ingress: {secure_header: {key: X, value: s-lb}}
"""
    expected = {"user:s-registry", "s-datadog", "s-logtail", "s-header", "s-password", "s-lb"}
    assert loaded(tmp_path, text, [], {}).apps[0].secrets == expected


def test_a_value_that_is_no_utf_8_is_an_error_that_names_its_variable(tmp_path):
    result = loaded(tmp_path, "name: web-${KEY}\n", ["KEY"], {"KEY": b"caf\xe9".decode(errors="surrogateescape")})
    (finding,) = result.findings
    assert (finding.code, finding.is_error) == ("garbled-variable", True)
    assert "variable KEY is not valid UTF-8" in finding.message
    assert result.apps[0].name.encode() == b"web-caf?"


# --- C63: the tokens a run works with are variables of no spec ---

TOKEN = "dop_v1_0123456789abcdef"


@pytest.mark.parametrize("name", TOKEN_VARIABLES)
def test_c63_a_token_is_no_variable_and_stays_as_it_is_where_a_spec_names_it(tmp_path, name):
    text = f"name: web\nservices:\n- name: api\n  envs:\n  - {{key: LEAK, value: 'x ${{{name}}}'}}\n"
    result = loaded(tmp_path, text, ["OTHER"], {name: TOKEN, "OTHER": "x"})
    (app,) = result.apps
    assert app.spec["services"][0]["envs"][0]["value"] == f"x ${{{name}}}"
    ((code, is_error, line, column),) = [
        (one.code, one.is_error, one.location.line, one.location.column) for one in result.findings
    ]
    assert (code, is_error, line, column) == ("token-variable", False, 5, 24)
    assert TOKEN in app.secrets
    assert TOKEN not in repr(result)


def test_c63_an_app_may_have_a_variable_of_that_name_of_its_own(tmp_path):
    text = (
        "name: web\nservices:\n- name: api\n  run_command: sync --token ${DIGITALOCEAN_TOKEN}\n"
        "  envs:\n  - {key: DIGITALOCEAN_TOKEN, value: its-own, type: SECRET}\n"
    )
    assert loaded(tmp_path, text, [], {"DIGITALOCEAN_TOKEN": TOKEN}).findings == ()
    around = text.replace("its-own", "'${DIGITALOCEAN_TOKEN}'")
    found = loaded(tmp_path, around, [], {"DIGITALOCEAN_TOKEN": TOKEN}).findings
    assert [(one.code, one.location.line) for one in found] == [("token-variable", 4), ("token-variable", 6)]


@pytest.mark.parametrize("name", [*TOKEN_VARIABLES, "digitalocean_token"])
def test_c63_a_token_given_by_hand_is_refused(tmp_path, name):
    (finding,) = loaded(tmp_path, "name: web\n", [], {}, {name: "a-value"}).findings
    assert (finding.code, finding.is_error) == ("token-variable", True)
    assert "a-value" not in finding.message + finding.hint


@pytest.mark.parametrize(
    ("environ", "given", "variable"),
    [
        ({"KEY": TOKEN}, {}, "KEY"),
        ({"KEY": f"Bearer {TOKEN}"}, {}, "KEY"),
        ({}, {"KEY": TOKEN}, "KEY"),
        ({}, {}, {"name": "KEY", "default": TOKEN}),
    ],
)
def test_c63_the_tokens_value_is_not_put_into_a_spec_under_any_name(tmp_path, environ, given, variable):
    text = "name: web\nenvs:\n- {key: K, value: '${KEY}'}\n"
    for name in ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "GITHUB_TOKEN"):
        result = loaded(tmp_path, text, [variable], environ | {name: f" {TOKEN}\n"}, given)
        assert [(one.code, one.is_error) for one in result.findings] == [("token-variable", True)]
        assert result.apps[0].spec["envs"][0]["value"] == "${KEY}"
        assert TOKEN not in "".join(one.message + one.hint for one in result.findings)
