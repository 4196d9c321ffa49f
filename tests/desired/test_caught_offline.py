"""What the platform would refuse, or what leads nowhere, is found offline with a line and a way to fix it."""

from pathlib import Path

import pytest

from reconciler.appspec.kinds import SIZES
from reconciler.config import Config
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.reading import parse_specs
from reconciler.desired.validate import of_new_app, validate, validate_all
from reconciler.findings import Finding, Severity

SPEC = "name: web\nservices:\n- name: api\n  github: {repo: a/b}\n"
JOB = "name: web\njobs:\n- name: job\n  github: {repo: a/b}\n"
IMAGE = "name: web\nservices:\n- name: api\n  image: {%s}\n"
DIGEST = "sha256:" + "0" * 64
SCALING = "  autoscaling: {min_instance_count: 1, max_instance_count: 3, metrics: {cpu: {percent: 80}}}\n"
RULES = SPEC + "ingress:\n  rules:\n"


def app_of(text: str) -> DesiredApp:
    (document,), _ = parse_specs(text, "a.yaml")
    return DesiredApp(str(document.data.get("name", "")), document.data, document)


def found(text: str, code: str) -> list[tuple[str, int]]:
    """Severity and line of the findings of a code; each says how to fix it."""
    findings = [one for one in validate(app_of(text)) if one.code == code]
    assert all(one.hint for one in findings)
    return [(one.severity.value, one.location.line) for one in findings if one.location]


def hint(text: str, code: str) -> str:
    (finding,) = [one for one in validate(app_of(text)) if one.code == code]
    return finding.hint


@pytest.mark.parametrize(
    ("code", "text", "severity"),
    [
        ("single-instance-size", SPEC + "  instance_count: 2\n", "error"),
        ("single-instance-size", SPEC + "  instance_size_slug: basic-xs\n  instance_count: 2\n", "warning"),
        ("autoscaling-size", SPEC + "  instance_size_slug: apps-s-1vcpu-2gb\n" + SCALING, "error"),
        ("autoscaling-size", SPEC + "  instance_size_slug: professional-xs\n" + SCALING, "warning"),
        ("autoscaling-incomplete", SPEC + "  autoscaling: {max_instance_count: 3, metrics: {cpu: {}}}\n", "error"),
        ("autoscaling-incomplete", SPEC + "  autoscaling: {min_instance_count: 1, metrics: {cpu: {}}}\n", "error"),
        (
            "autoscaling-incomplete",
            SPEC + "  autoscaling: {min_instance_count: 1, max_instance_count: 3, metrics: {}}\n",
            "error",
        ),
        ("autoscaling-job", JOB + SCALING, "warning"),
    ],
)
def test_c69_instances_and_autoscaling_that_a_size_does_not_have(code, text, severity):
    assert found(text, code) == [(severity, text.count("\n"))]


def test_c69_every_size_takes_what_the_vendors_table_says_it_takes():
    for slug, size in SIZES.items():
        sized = SPEC + f"  instance_size_slug: {slug}\n"
        assert bool(found(sized + "  instance_count: 2\n", "single-instance-size")) is size.single_instance_only
        assert bool(found(sized + SCALING, "autoscaling-size")) is not size.scalable
        assert found(sized + "  instance_count: 1\n", "single-instance-size") == []


@pytest.mark.parametrize(
    ("code", "line", "severity"),
    [
        ("bad-cron", "  schedule: {cron: every day}", "error"),
        ("bad-cron", '  schedule: {cron: "61 * * * *"}', "error"),
        ("bad-cron", '  schedule: {cron: "@daily"}', "warning"),
        ("bad-cron", '  schedule: {cron: "0 0 3 * * *"}', "warning"),
        ("bad-cron", '  schedule: {cron: "0 3 ? * *"}', "warning"),
        ("bad-time-zone", '  schedule: {cron: "0 3 * * *", time_zone: Mars/Olympus}', "error"),
        ("bad-time-zone", '  schedule: {cron: "0 3 * * *", time_zone: "../etc/passwd"}', "error"),
        ("bad-duration", "  timeout: 1 hour", "error"),
        ("bad-duration", '  timeout: "3600"', "warning"),
    ],
)
def test_c70_schedules_and_durations_that_do_not_parse(code, line, severity):
    assert found(f"{JOB}  kind: SCHEDULED\n{line}\n", code) == [(severity, 6)]


@pytest.mark.parametrize(
    ("code", "cors", "severity"),
    [
        ("bad-duration", "max_age: soon", "error"),
        ("bad-pattern", 'allow_origins: [{regex: "("}]', "error"),
        ("bad-pattern", 'allow_origins: [{regex: "^https://(?!evil)"}]', "error"),
    ],
)
def test_c70_durations_and_patterns_of_a_cross_origin_policy(code, cors, severity):
    assert found(f"{RULES}  - component: {{name: api}}\n    cors: {{{cors}}}\n", code) == [(severity, 8)]


@pytest.mark.parametrize("timeout", ["30m", "1h30m", "1.5h", "90s", "500ms", "1h0m0s", "0", "${TIMEOUT}"])
def test_c70_every_duration_that_go_reads_is_fine(timeout):
    assert found(f'{JOB}  timeout: "{timeout}"\n', "bad-duration") == []


@pytest.mark.parametrize(
    ("code", "image", "severity", "written"),
    [
        (
            "registry-in-repository",
            'registry_type: GHCR, repository: "ghcr.io/acme/web:1.4"',
            "error",
            'write `registry: acme, repository: web, tag: "1.4"`',
        ),
        (
            "registry-in-repository",
            "registry_type: DOCR, repository: registry.digitalocean.com/acme/web",
            "error",
            "write `repository: web`",
        ),
        (
            "registry-in-repository",
            "registry_type: GHCR, repository: docker.io/nginx",
            "error",
            "write `registry_type: DOCKER_HUB, registry: library, repository: nginx`",
        ),
        ("registry-in-repository", "registry_type: DOCKER_HUB, repository: quay.io/a/b", "warning", "pulls from"),
        (
            "tag-in-repository",
            'registry_type: DOCKER_HUB, registry: a, repository: "web:1.4"',
            "error",
            'write `repository: web, tag: "1.4"`',
        ),
        (
            "tag-in-repository",
            f'registry_type: DOCKER_HUB, registry: a, repository: "web@{DIGEST}"',
            "error",
            f"write `repository: web, digest: {DIGEST}`",
        ),
        (
            "bad-tag",
            f'registry_type: DOCKER_HUB, registry: a, repository: web, tag: "{DIGEST}"',
            "error",
            f"write `digest: {DIGEST}`",
        ),
        ("bad-tag", 'registry_type: DOCKER_HUB, registry: a, repository: web, tag: "a/b"', "error", "use letters"),
        (
            "no-registry",
            "registry_type: GHCR, repository: acme/web, tag: '1'",
            "warning",
            "write `registry: acme, repository: web`",
        ),
    ],
)
def test_c71_parts_of_an_image_in_the_wrong_field(code, image, severity, written):
    assert found(IMAGE % image, code) == [(severity, 4)]
    assert written in hint(IMAGE % image, code)


@pytest.mark.parametrize(
    "image",
    [
        "registry_type: GHCR, registry: ghcr.io, repository: acme/tools.acme.com/api, tag: '1'",
        "registry_type: DOCR, repository: my.app/web, tag: '1'",
        "registry_type: DOCKER_HUB, registry: library, repository: nginx, tag: '${TAG}'",
        "registry_type: DOCKER_HUB, registry: '${OWNER}', repository: '${OWNER}/web:${TAG}', tag: '1'",
    ],
)
def test_c71_names_that_only_look_like_addresses_are_fine(image):
    assert [one for one in validate(app_of(IMAGE % image)) if one.is_error] == []


def test_c71_an_image_on_a_static_site():
    text = "name: web\nstatic_sites:\n- name: site\n  image: {registry_type: DOCR, repository: x, tag: '1'}\n"
    assert found(text, "image-on-static-site") == [("warning", 4)]


@pytest.mark.parametrize(
    ("code", "destination", "severity"),
    [
        ("log-target", "name: logs", "error"),
        ("log-target", "name: logs, tls_insecure: true", "error"),
        ("log-target", 'name: logs, papertrail: {endpoint: x}, logtail: {token: "EV[1:a:b]"}', "error"),
        ("log-target", 'name: logs, papertrail: {endpoint: x}, endpoint: "https://x"', "error"),
        ("log-target", "name: logs, open_search: {}", "error"),
        ("log-target", 'name: logs, open_search: {cluster_name: x, endpoint: "https://x"}', "error"),
        ("log-fields", "name: logs, papertrail: {endpoint: x}, tls_insecure: true", "warning"),
    ],
)
def test_c72_log_destinations_that_lead_nowhere_or_twice(code, destination, severity):
    assert found(f"{SPEC}  log_destinations: [{{{destination}}}]\n", code) == [(severity, 5)]


@pytest.mark.parametrize(
    "destination",
    [
        "name: logs, splunk: {endpoint: x}",
        'name: logs, endpoint: "https://x", tls_insecure: true, headers: [{key: A, value: "${x.Y}"}]',
    ],
)
def test_c72_a_generic_target_and_one_that_no_model_knows_yet_are_targets(destination):
    text = f"{SPEC}  log_destinations: [{{{destination}}}]\n"
    assert found(text, "log-target") + found(text, "log-fields") == []


@pytest.mark.parametrize(
    ("code", "rules", "severity", "line"),
    [
        ("path-without-slash", "  - {match: {path: {prefix: api}}, component: {name: api}}\n", "error", 7),
        ("path-without-slash", "  - {match: {path: {exact: api}}, component: {name: api}}\n", "error", 7),
        ("prefix-and-exact", "  - {match: {path: {prefix: /a, exact: /a/b}}, component: {name: api}}\n", "error", 7),
        ("prefix-and-exact", "  - {match: {authority: {prefix: a, exact: a.b}}, component: {name: api}}\n", "error", 7),
        (
            "unreachable-rule",
            "  - {match: {path: {prefix: /}}, redirect: {}}\n  - {match: {path: {prefix: /api}}, redirect: {}}\n",
            "warning",
            8,
        ),
        (
            "unreachable-rule",
            "  - {component: {name: api}}\n  - {match: {path: {exact: /a}, authority: {exact: b.c}}, redirect: {}}\n",
            "warning",
            8,
        ),
    ],
)
def test_c73_ingress_rules_that_match_nothing_or_are_never_reached(code, rules, severity, line):
    assert found(RULES + rules, code) == [(severity, line)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("path: {prefix: /api}", "path: {prefix: /apis}"),
        ("path: {prefix: /api}", "path: {prefix: /}"),
        ("path: {exact: /}", "path: {prefix: /}"),
        ("path: {prefix: /}, authority: {exact: a.com}", "path: {prefix: /api}"),
        ("path: {prefix: /}, header: {exact: a}", "path: {prefix: /api}"),
        ("path: {prefix: /api}", "authority: {exact: a.com}"),
    ],
)
def test_c73_a_rule_that_takes_only_some_of_the_requests_hides_none(first, second):
    rules = (
        f"  - {{match: {{{first}}}, component: {{name: api}}}}\n  - {{match: {{{second}}}, redirect: {{uri: /x}}}}\n"
    )
    assert found(RULES + rules, "unreachable-rule") == []


def test_c73_a_service_with_internal_ports_alone_has_no_routes():
    text = SPEC + "  internal_ports: [9000]\n  routes: [{path: /}]\n"
    assert found(text, "internal-with-routes") == [("error", 6)]
    assert found(text + "  http_port: 80\n", "internal-with-routes") == []


@pytest.mark.parametrize(
    ("zone", "severity"), [("example.org", "error"), ("ample.com", "error"), ("w.example.com", "error")]
)
def test_c74_a_zone_that_does_not_hold_the_domain(zone, severity):
    assert found(f"{SPEC}domains: [{{domain: www.example.com, zone: {zone}}}]\n", "zone-of-another-domain") == [
        (severity, 5)
    ]


@pytest.mark.parametrize("zone", ["example.com", "www.example.com", "EXAMPLE.com.", "${ZONE}"])
def test_c74_a_zone_above_the_domain_is_fine(zone):
    assert found(f"{SPEC}domains: [{{domain: www.example.com, zone: '{zone}'}}]\n", "zone-of-another-domain") == []


def test_c74_a_wildcard_in_the_name_is_written_as_a_field():
    text = SPEC + "domains: [{domain: '*.example.org'}]\n"
    assert found(text, "invalid-domain") == [("error", 5)]
    assert hint(text, "invalid-domain") == "write example.org and `wildcard: true`"


def test_c74_one_domain_in_two_apps_is_a_warning_at_both_places(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(SPEC.replace("web", name) + "domains: [{domain: www.Example.com.}]\n")
    (finding,) = validate_all(load([tmp_path], config=Config(), environ={}).apps)
    assert (finding.severity, finding.code) == (Severity.WARNING, "shared-domain")
    assert [str(place).rpartition("/")[2] for place in (finding.location, *finding.related)] == [
        "two.yaml:5:20",
        "one.yaml:5:20",
    ]


@pytest.mark.parametrize("url", ["git@github.com:acme/web.git", "ssh://git@github.com/acme/web.git"])
def test_c75_a_clone_over_ssh_is_an_error_with_the_https_address(url):
    text = f"name: web\nservices:\n- name: api\n  git: {{repo_clone_url: '{url}'}}\n"
    assert found(text, "clone-over-ssh") == [("error", 4)]
    assert "https://github.com/acme/web.git" in hint(text, "clone-over-ssh")
    assert "`github: {repo: acme/web}`" in hint(text, "clone-over-ssh")


def test_c75_a_git_source_without_its_address_is_an_error():
    assert found("name: web\nservices:\n- name: api\n  git: {branch: main}\n", "incomplete-source") == [("error", 4)]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("${db.DATABSE_URL}", "did you mean DATABASE_URL?"),
        ("${api.PUBLIC_ULR}", "did you mean PUBLIC_URL?"),
        ("${_self.PRIVATE_URI}", "did you mean PRIVATE_URL?"),
        ("${dbb.DATABASE_URL}", "did you mean db?"),
    ],
)
def test_c75_a_bindable_that_names_nothing_is_told_with_what_was_meant(value, meant):
    text = f"{SPEC}  envs: [{{key: A, value: 'x{value}y'}}]\ndatabases: [{{name: db, engine: PG}}]\n"
    assert found(text, "unknown-bindable") == [("warning", 5)]
    assert hint(text, "unknown-bindable") == meant


@pytest.mark.parametrize(
    "value", ["${db.pool.DATABASE_URL}", "${db.CA_CERT}", "${api.A}", "${api.SHARED}", "${_self.COMMIT_HASH}"]
)
def test_c75_pools_and_variables_of_components_are_bindable(value):
    text = (
        f"{SPEC}  envs: [{{key: A, value: '{value}'}}]\nenvs: [{{key: SHARED, value: x}}]\ndatabases: [{{name: db}}]\n"
    )
    assert found(text, "unknown-bindable") == []


@pytest.mark.parametrize("check", ["health_check", "liveness_health_check"])
def test_c76_a_health_check_on_a_port_that_is_not_served(check):
    assert found(f"{SPEC}  {check}: {{port: 1234}}\n", "health-check-port") == [("warning", 5)]
    for ports in ("", "  http_port: 1234\n", "  internal_ports: [1234]\n"):
        port = 1234 if ports else 8080
        assert found(f"{SPEC}{ports}  {check}: {{port: {port}}}\n", "health-check-port") == []


def test_c77_a_development_database_of_an_engine_that_has_none():
    assert found(SPEC + "databases: [{name: db, engine: MONGODB}]\n", "dev-database") == [("warning", 5)]
    for fields in ("engine: PG", "engine: MYSQL, cluster_name: x", "version: '16'"):
        assert found(f"{SPEC}databases: [{{name: db, {fields}}}]\n", "dev-database") == []


@pytest.mark.parametrize(
    ("lines", "code", "expected"),
    [
        ("  volumes: [x]\n", "unknown-field", "App Platform has no volumes: keep files in Spaces, data in a database"),
        ("  ports: [80]\n", "unknown-field", "did you mean http_port?"),
        ("  secrets: [x]\n", "unknown-field", "write a secret as a variable: `envs` with `type: SECRET`"),
        ("  health_check: {unhealthy_threshold: 3}\n", "unknown-field", "did you mean failure_threshold?"),
        ("  instance_size_slug: apps-s-1vcpu-512mb\n", "unknown-value", "did you mean apps-s-1vcpu-0.5gb?"),
        ("databases: [{name: db, engine: POSTGRES}]\n", "unknown-value", "did you mean PG?"),
        ("region: frankfurt\n", "unknown-value", "did you mean fra?"),
        ("region: New York\n", "unknown-value", "did you mean nyc?"),
    ],
)
def test_c78_a_hint_leads_where_it_says(lines, code, expected):
    assert hint(SPEC + lines, code) == expected


def test_c78_a_size_of_another_number_is_not_guessed():
    assert hint(SPEC + "  instance_size_slug: basic-l\n", "unknown-value").startswith(
        "known values: apps-s-1vcpu-0.5gb,"
    )


@pytest.mark.parametrize("services", ["services: {{ COMPONENTS }}", "services: none", "services: {}"])
def test_c78_components_that_cannot_be_read_are_not_also_missing(services):
    assert found(f"name: web\n{services}\n", "no-components") == []
    assert found("name: web\nservices: []\n", "no-components") == [("error", 1)]


def test_c67_ciphertext_without_a_type_would_be_read_as_it_is():
    for more in ("", ", type: GENERAL"):
        text = f'{SPEC}  envs: [{{key: A, value: "EV[1:bm9u:Y2lw]"{more}}}]\n'
        assert found(text, "ciphertext-without-type") == [("warning", 5)]
    assert found(f'{SPEC}  envs: [{{key: A, value: "EV[1:bm9u", type: SECRET}}]\n', "bad-ciphertext") == [
        ("warning", 5)
    ]


def test_c67_ciphertext_is_for_the_app_it_comes_from():
    app = app_of(f'{SPEC}  envs: [{{key: A, value: "EV[1:bm9u:Y2lw]", type: SECRET}}, {{key: B, value: x}}]\n')
    for severity in (Severity.NOTICE, Severity.ERROR):
        (finding,) = of_new_app(app, severity)
        assert (finding.severity, finding.code, finding.location and finding.location.line) == (
            severity,
            "ciphertext",
            5,
        )
    assert of_new_app(app_of(SPEC)) == ()


def test_c05_no_finding_shows_the_credentials_in_an_address():
    text = "name: web\nservices:\n- name: api\n  git: {repo_clone_url: 'ssh://ada:hunter2@example.com/a/b.git'}\n"
    findings: tuple[Finding, ...] = validate(app_of(text))
    assert any(one.code == "clone-over-ssh" for one in findings)
    assert "hunter2" not in repr(findings)
