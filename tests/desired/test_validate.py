"""Rules as a table: a spec that is fine, one change, the code and place of what is told."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import Config
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.validate import validate, validate_all
from reconciler.findings import Severity
from reconciler.yamltext import parse

IMAGE = "image: {registry_type: GHCR, registry: a, repository: b, tag: '1'}"


def app_of(text: str) -> DesiredApp:
    (document,), _ = parse(text, "a.yaml")
    return DesiredApp(str(document.data.get("name", "")), document.data, document)


def told(text: str, **options):
    return [
        (one.severity.value, one.code, one.location.line, one.location.column)
        for one in validate(app_of(text), **options)
    ]


GOOD = f"""\
name: web
region: nyc
services:
- name: api
  {IMAGE}
  envs:
  - {{key: DATABASE_URL, value: "${{db.DATABASE_URL}}"}}
  - {{key: SELF, value: "${{_self.PRIVATE_URL}} ${{APP_URL}}"}}
  - {{key: TOKEN, value: "EV[1:a:b]", type: SECRET}}
- name: site
  github: {{repo: me/site, branch: main}}
  instance_size_slug: apps-d-1vcpu-1gb
  autoscaling: {{min_instance_count: 1, max_instance_count: 3, metrics: {{cpu: {{percent: 80}}}}}}
jobs:
- name: nightly
  kind: SCHEDULED
  schedule: {{cron: "0 3 * * *"}}
  {IMAGE}
databases:
- {{name: db, engine: PG}}
domains:
- {{domain: a.example.com, type: PRIMARY}}
- {{domain: b.example.com, type: ALIAS}}
alerts: [{{rule: DEPLOYMENT_FAILED}}]
ingress:
  rules:
  - match: {{path: {{prefix: /api}}}}
    component: {{name: api, rewrite: /}}
    cors: {{allow_origins: [{{exact: "https://a.example.com"}}]}}
  - match: {{path: {{prefix: /old}}}}
    redirect: {{uri: /new}}
"""


def test_a_good_spec_has_no_findings():
    assert told(GOOD) == []
    assert told(GOOD, strict=True) == []


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        # what the models and their schema say
        ("name: web\nservices: {}\n", ("error", "type", 2, 11)),
        ("name: web\nservices:\n  api: {}\n", ("error", "type", 2, 1)),
        ("name: web\nfeatures: [a: b]\n", ("error", "type", 2, 12)),
        ("name: web\nmaintenance: {enabled: 'yes'}\n", ("error", "type", 2, 24)),
        ("name: web\nservices: [{http_port: 0, name: a}]\n", ("error", "out-of-range", 2, 24)),
        ("name: web\nservices: [{http_port: 70000, name: aa}]\n", ("error", "out-of-range", 2, 24)),
        ("name: web\nservices: [{}]\n", ("error", "missing-field", 2, 12)),
        ("region: nyc\n", ("error", "missing-field", 1, 1)),
        ("name: My_App\n", ("error", "invalid-name", 1, 7)),
        ("name: ${APP}\n", ("error", "invalid-name", 1, 7)),
        ("name: web\nenvs: [{key: A-B}]\n", ("error", "invalid-key", 2, 14)),
        ("name: web\ndomains: [{domain: 'https://x.example.com/'}]\n", ("error", "invalid-domain", 2, 20)),
        ("name: web\nregion: mars\n", ("warning", "unknown-value", 2, 9)),
        ("name: web\nregion: ${REGION}\n", ("error", "placeholder", 2, 9)),
        ("name: web\nregions: nyc\n", ("warning", "unknown-field", 2, 1)),
        ("name: web\nservices:\n- name: api\n  envs:\n  - kee: A\n", ("error", "missing-field", 5, 5)),
        # regions and deprecated fields
        ("name: web\nregion: nyc1\n", ("notice", "region", 2, 9)),
        ("name: web\nservices: [{name: aa, routes: [{path: /}]}]\n", ("notice", "deprecated", 2, 31)),
        # names
        ("name: web\nenvs: []\n", ("error", "no-components", 1, 1)),
        ("name: web\nservices: [{name: aa}]\nworkers: [{name: aa}]\n", ("error", "duplicate-name", 3, 18)),
        ("name: web\nservices: [{name: aa}]\ndatabases: [{name: aa}]\n", ("error", "duplicate-name", 3, 20)),
        ("name: web\nenvs: [{key: A}, {key: B}, {key: A}]\n", ("error", "duplicate-env", 2, 34)),
        ("name: web\nalerts: [{rule: DOMAIN_LIVE}, {rule: DOMAIN_LIVE}]\n", ("error", "duplicate-alert", 2, 31)),
        (
            "name: web\nworkers: [{log_destinations: [{name: aa}, {name: aa}]}]\n",
            ("error", "duplicate-log-destination", 2, 50),
        ),
        ("name: web\ndomains: [{domain: a.com}, {domain: A.com.}]\n", ("error", "duplicate-domain", 2, 37)),
        ("name: web\ndomains: [{type: PRIMARY}, {type: PRIMARY}]\n", ("error", "several-primary-domains", 2, 35)),
        # sources
        ("name: web\nworkers: [{name: aa}]\n", ("error", "no-source", 2, 11)),
        ("name: web\nworkers: [{git: {}, image: {}}]\n", ("error", "several-sources", 2, 28)),
        ("name: web\nworkers: [{git: {branch: x}}]\n", ("error", "incomplete-source", 2, 17)),
        ("name: web\nworkers: [{github: {branch: x}}]\n", ("warning", "incomplete-source", 2, 20)),
        ("name: web\nworkers: [{github: {repo: me}}]\n", ("warning", "bad-repository", 2, 27)),
        ("name: web\nworkers: [{github: {repo: 'https://github.com/a/b'}}]\n", ("warning", "bad-repository", 2, 27)),
        ("name: web\nworkers: [{github: {repo: '${REPO}'}}]\n", ("warning", "unknown-variable", 2, 27)),
        (
            f"name: web\nworkers: [{{image: {{tag: a, digest: 'sha256:{'0' * 64}'}}}}]\n",
            ("error", "tag-and-digest", 2, 25),
        ),
        ("name: web\nworkers: [{image: {digest: abc}}]\n", ("error", "bad-digest", 2, 28)),
        ("name: web\nworkers: [{image: {registry_type: DOCR, registry: x}}]\n", ("error", "registry-with-docr", 2, 51)),
        (
            "name: web\nworkers: [{image: {registry_type: GHCR, deploy_on_push: {enabled: true}}}]\n",
            ("error", "deploy-on-push", 2, 57),
        ),
        ("name: web\nworkers: [{image: {repository: x}}]\n", ("warning", "mutable-tag", 2, 19)),
        ("name: web\nworkers: [{image: {tag: latest}}]\n", ("warning", "mutable-tag", 2, 25)),
        # routing
        (
            "name: web\ningress: {rules: [{component: {name: a}, redirect: {}}]}\n",
            ("error", "component-and-redirect", 2, 52),
        ),
        ("name: web\ningress: {rules: [{}]}\n", ("error", "rule-without-target", 2, 19)),
        ("name: web\ningress: {rules: [{component: {name: nobody}}]}\n", ("error", "unknown-component", 2, 38)),
        (
            "name: web\nworkers: [{name: aa}]\ningress: {rules: [{component: {name: aa}}]}\n",
            ("error", "unknown-component", 3, 38),
        ),
        (
            "name: web\ningress: {rules: [{component: {preserve_path_prefix: true, rewrite: /}}]}\n",
            ("error", "preserve-and-rewrite", 2, 69),
        ),
        (
            "name: web\ningress: {rules: [{redirect: {}}, {redirect: {}, match: {}}]}\n",
            ("error", "duplicate-rule", 2, 35),
        ),
        (
            "name: web\nservices: [{routes: [{path: /}]}]\ningress: {rules: [{redirect: {}}]}\n",
            ("error", "routes-and-ingress", 2, 21),
        ),
        (
            "name: web\nservices: [{routes: [{path: /}]}, {routes: [{path: /}]}]\n",
            ("error", "duplicate-route", 2, 52),
        ),
        (
            "name: web\nservices: [{cors: {allow_origins: [{exact: a, regex: b}]}}]\n",
            ("error", "origin", 2, 36),
        ),
        ("name: web\ningress: {rules: [{cors: {allow_origins: [{}]}}]}\n", ("error", "origin", 2, 43)),
        # components
        (
            "name: web\nworkers: [{instance_count: 1, autoscaling: {max_instance_count: 2}}]\n",
            ("error", "autoscaling-and-count", 2, 28),
        ),
        (
            "name: web\nworkers: [{autoscaling: {min_instance_count: 3, max_instance_count: 2}}]\n",
            ("error", "autoscaling-bounds", 2, 46),
        ),
        (
            "name: web\nworkers: [{autoscaling: {min_instance_count: 2, max_instance_count: 2}}]\n",
            ("warning", "autoscaling-bounds", 2, 46),
        ),
        (
            "name: web\nstatic_sites: [{catchall_document: a, error_document: b}]\n",
            ("error", "catchall-and-error", 2, 55),
        ),
        ("name: web\ndatabases: [{name: db, production: true}]\n", ("error", "no-cluster-name", 2, 36)),
        ("name: web\njobs: [{kind: SCHEDULED}]\n", ("error", "no-schedule", 2, 15)),
        ("name: web\njobs: [{schedule: {cron: x}}]\n", ("error", "schedule-without-kind", 2, 19)),
        ("name: web\nalerts: [{rule: CPU_UTILIZATION}]\n", ("warning", "alert-level", 2, 17)),
        ("name: web\nworkers: [{alerts: [{rule: DOMAIN_LIVE}]}]\n", ("warning", "alert-level", 2, 28)),
        ("name: web\nenvs: [{key: A, value: 'x${dbb.URL}'}]\n", ("warning", "unknown-bindable", 2, 24)),
        ("name: web\nenvs: [{key: A, value: '${A}'}]\n", ("notice", "not-substituted", 2, 24)),
        ("name: web\nenvs: [{key: A, value: hunter2, type: SECRET}]\n", ("warning", "plaintext-secret", 2, 24)),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_told_at_its_place(lines, finding):
    assert finding in told(lines)


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("name: web\nregion: NYC\n", "unknown-value", "did you mean nyc?"),
        ("name: web\nservces: []\n", "unknown-field", "did you mean services?"),
        ("name: web\nregoin: fra\n", "unknown-field", "did you mean region?"),
        (
            "name: web\nservices: []\nservces: []\n",
            "unknown-field",
            "did you mean services, which is already set here?",
        ),
        ("name: web\nservices: [{name: a, environment-slug: x}]\n", "unknown-field", "did you mean environment_slug?"),
        ("name: web\nservices: [{name: a, environments: x}]\n", "unknown-field", "did you mean envs?"),
        (
            "name: web\nservices: [{static_sites: []}]\n",
            "unknown-field",
            "it is a field of an app: check the indentation",
        ),
        ("name: web\nzzz: 1\n", "unknown-field", "it will be sent as written"),
        ("name: My App\n", "invalid-name", "write my-app"),
        ("name: ${APP}\n", "invalid-name", "declare APP under `variables` in reconcile.yaml, or write the value"),
        ("name: web\nenvs: [{key: A-B}]\n", "invalid-key", "write A_B"),
        ("name: web\ndomains: [{domain: 'https://x.example.com/'}]\n", "invalid-domain", "write x.example.com"),
        ("name: web\nservices: [{name: aa, http_port: '80'}]\n", "type", "remove the quotes"),
        ("name: web\nservices: [{http_port: 0}]\n", "out-of-range", "write 1 or more"),
        (
            "name: web\nservices: [{health_check: [{port: 1}]}]\n",
            "type",
            "remove the `- `: this is a single mapping, not a list",
        ),
        ("name: web\nenvs: [{kee: A}]\n", "missing-field", "rename kee to key"),
        ("name: web\nworkers: [{github: {repo: 'git@github.com:a/b.git'}}]\n", "bad-repository", "write a/b"),
        (
            "name: web\nservices: [{name: api}]\ningress: {rules: [{component: {name: apii}}]}\n",
            "unknown-component",
            "did you mean api?",
        ),
        ("name: web\nregion: ams3\n", "region", "write ams"),
    ],
)
def test_a_hint_says_how_to_mend_it(text, code, hint):
    assert hint in [one.hint for one in validate(app_of(text)) if one.code == code]


def test_c19_both_places_of_a_double_name_are_told():
    (finding,) = [
        one for one in validate(app_of("name: web\nenvs:\n- key: A\n- key: A\n")) if one.code == "duplicate-env"
    ]
    assert str(finding.location) == "a.yaml:4:8"
    assert [str(place) for place in finding.related] == ["a.yaml:3:8"]
    assert "line 3" in finding.message


@pytest.mark.parametrize("line", ["future: 1\n", "egress: {type: TELEPORT}\n"])
def test_c11_what_may_be_new_is_a_warning_and_an_error_when_strict(line):
    assert [one.severity for one in validate(app_of(GOOD + line))] == [Severity.WARNING]
    assert [one.severity for one in validate(app_of(GOOD + line), strict=True)] == [Severity.ERROR]


SIX = """\
name: Web_App
region: nyc
services:
- name: api
  image:
    registry_type: DOCR
    registry: mine
    repository: api
    tag: "1.0"
  http_port: "8080"
  instnce_count: 2
  envs:
  - key: LOG_LEVEL
    value: info
  - key: LOG_LEVEL
    value: debug
ingress:
  rules:
  - component:
      name: apii
"""


def test_c29_six_different_mistakes_are_six_findings_at_six_places(tmp_path: Path):
    file = tmp_path / "six.yaml"
    file.write_text(SIX, encoding="utf-8")
    loaded = load([file], config=Config(), environ={})
    assert loaded.findings == ()
    found = [(one.code, one.location.line, one.location.column) for one in validate_all(loaded.apps)]
    assert found == [
        ("invalid-name", 1, 7),
        ("registry-with-docr", 7, 15),
        ("type", 10, 14),
        ("unknown-field", 11, 3),
        ("duplicate-env", 15, 10),
        ("unknown-component", 20, 13),
    ]


def test_a_variable_without_a_value_is_told_once(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_text(
        GOOD.replace("region: nyc", "region: ${REGION}\nmaintenance: {enabled: '${REGION}'}"), encoding="utf-8"
    )
    loaded = load([file], config=Config.model_validate({"variables": ["REGION"]}), environ={})
    assert [one.code for one in loaded.findings] == ["unset-variable", "unset-variable"]
    assert validate_all(loaded.apps) == ()


def test_a_secret_from_a_variable_is_no_plaintext_in_git(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_text(GOOD.replace("EV[1:a:b]", "${TOKEN}"), encoding="utf-8")
    loaded = load([file], config=Config.model_validate({"variables": ["TOKEN"]}), environ={"TOKEN": "hunter2"})
    assert validate_all(loaded.apps) == ()


@pytest.mark.parametrize(
    "text",
    [
        "name: web\nenvs: [{key: A, value: hunter2hunter2, type: SECRET}]\n",
        "name: web\nenvs: [{key: A, value: [hunter2hunter2], type: SECRET}]\n",
        "name: web\nenvs: [{key: A-B, value: hunter2hunter2, type: SECRT}]\n",
        "name: web\nservices: [{image: {registry_credentials: {hunter2hunter2: 1}}}]\n",
    ],
)
def test_c05_no_finding_shows_a_secret(text):
    findings = validate(app_of(text))
    assert findings
    assert "hunter2hunter2" not in repr(findings)


def test_a_deprecated_field_is_told_once_with_its_other_places():
    text = "name: web\nservices:\n- routes: []\n- routes: []\n- routes: []\n"
    (finding,) = [one for one in validate(app_of(text)) if one.code == "deprecated"]
    assert finding.location.line == 3
    assert [place.line for place in finding.related] == [4, 5]


def test_findings_come_by_place():
    findings = validate(app_of(SIX))
    assert [one.location.line for one in findings] == sorted(one.location.line for one in findings)


WORDS = """
    name services jobs databases envs key value type routes path cors allow_origins ingress rules component redirect
    match alerts rule domains domain image tag github repo autoscaling min_instance_count max_instance_count
    schedule kind
"""
SCALARS = st.sampled_from([None, True, -1, 2, "", "a", "${a.B}", "PRIMARY", "SCHEDULED", "SECRET"])
JUNK = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(sorted(WORDS.split())), below, max_size=4)
    ),
    max_leaves=25,
)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["name", "services", "jobs", "ingress", "domains", "envs", "alerts"]), JUNK, max_size=5
    )
)
def test_no_document_makes_a_rule_raise(spec):
    (document,), _ = parse("{}", "a.yaml")
    for finding in validate(DesiredApp("x", spec, document)):
        assert finding.message


def test_a_clean_validation_imports_neither_jsonschema_nor_the_network():
    import subprocess
    import sys

    code = (
        "import sys; from reconciler.yamltext import parse; from reconciler.desired.validate import validate; "
        "from reconciler.desired.load import load; from reconciler.desired.load import DesiredApp; "
        "d = parse('name: web\\nservices: [{name: api, git: {repo_clone_url: x}}]\\n', 'a')[0][0]; "
        "assert validate(DesiredApp('web', d.data, d)) == (); "
        "print(sorted({'jsonschema', 'httpx', 'deepdiff', 'rich', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_two_headers_of_one_key_are_an_error_at_both_places():
    headers = '[{key: A, value: "${x.A}"}, {key: B, value: "${x.B}"}, {key: A, value: "${x.C}"}]'
    text = (
        f"name: web\nservices:\n- name: api\n  {IMAGE}\n  log_destinations:\n  - name: tail\n    headers: {headers}\n"
    )
    (finding,) = (one for one in validate(app_of(text)) if one.code == "duplicate-header")
    assert finding.is_error
    assert finding.location.pointer == "/services/0/log_destinations/0/headers/2/key"
    assert [one.pointer for one in finding.related] == ["/services/0/log_destinations/0/headers/0/key"]
