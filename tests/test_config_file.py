from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from reconciler.config import Config
from reconciler.config_file import ConfigFile, config_schema, load_config, read_config
from reconciler.config_names import check_names, check_probes
from reconciler.errors import InvalidInput


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text, name="reconcile.yaml"):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def problems(text):
    write(text)
    with pytest.raises(InvalidInput) as caught:
        load_config(None)
    return [(one.code, one.location.line, one.location.column, one.hint) for one in caught.value.findings]


def test_without_a_file_the_defaults_hold():
    assert load_config(None, ["specs"]) == Config()


def test_the_file_beside_the_specs_wins_over_that_of_the_working_directory():
    write("freeze: [{cron: 0 1 * * *, duration: 1h, reason: here}]\n")
    write("freeze: [{cron: 0 1 * * *, duration: 1h, reason: beside}]\n", "specs/reconcile.yml")
    write("name: web\n", "specs/a.yaml")
    assert load_config(None, ["specs"]).freeze[0].reason == "beside"
    assert load_config(None, ["specs/a.yaml"]).freeze[0].reason == "beside"
    assert load_config(None, ["elsewhere"]).freeze[0].reason == "here"
    assert load_config(Path("reconcile.yaml"), ["specs"]).freeze[0].reason == "here"


def test_specs_of_a_repository_take_the_nearest_file_up_to_its_root_wherever_the_command_stands(tmp_path):
    write("moved: {outside: web}\n")
    Path("clone/.git").mkdir(parents=True)
    write("name: web\n", "clone/specs/production/web.yaml")
    assert list(load_config(None, ["clone/specs/production"]).moved) == ["outside"]  # the working directory's
    write("moved: {root: web}\n", "clone/reconcile.yaml")
    for specs in ("clone/specs/production", "clone/specs/production/web.yaml", str(tmp_path / "clone/specs")):
        assert list(load_config(None, [specs]).moved) == ["root"]
    write("moved: {near: web}\n", "clone/specs/reconcile.yaml")
    assert list(load_config(None, ["clone/specs/production"]).moved) == ["near"]
    assert list(load_config(None, ["clone"]).moved) == ["root"]


def test_nothing_is_taken_from_beyond_the_root_of_a_repository():
    write("moved: {stranger: web}\n", "above/reconcile.yaml")
    Path("above/clone/.git").mkdir(parents=True)
    Path("above/clone/specs").mkdir()
    assert load_config(None, ["above/clone/specs"]).moved == {}
    Path("above/bare/specs").mkdir(parents=True)
    assert load_config(None, ["above/bare/specs"]).moved == {}  # no repository: in the folder itself alone


def test_specs_of_one_repository_share_its_file():
    Path(".git").mkdir()
    write("moved: {root: web}\n")
    for folder in ("a", "b/c"):
        Path(folder).mkdir(parents=True)
    assert list(load_config(None, ["a", "b/c"]).moved) == ["root"]


@pytest.mark.parametrize("named", [True, False])
def test_the_folder_of_policies_is_beside_the_file_that_names_it(named, tmp_path):
    Path("clone/.git").mkdir(parents=True)
    write("policies: rules\n", "clone/reconcile.yaml")
    for folder in ("clone/specs", "clone/rules", "shared"):
        Path(folder).mkdir()
    config = load_config(Path("clone/reconcile.yaml") if named else None, ["clone/specs"])
    assert Path(config.policies) == Path("clone/rules")
    assert load_config(tmp_path / "clone/reconcile.yaml").policies == str(tmp_path / "clone/rules")
    write(f"policies: {tmp_path}/shared\n", "clone/reconcile.yaml")
    assert load_config(None, ["clone/specs"]).policies == str(tmp_path / "shared")


def test_a_folder_of_policies_that_nobody_named_may_be_missing():
    write("moved: {old: web}\n", "specs/reconcile.yaml")
    assert Path(load_config(None, ["specs"]).policies) == Path("specs/policies")


def test_two_files_beside_different_specs_are_refused():
    write("", "a/reconcile.yaml")
    write("", "b/reconcile.yaml")
    with pytest.raises(InvalidInput, match="more than one"):
        load_config(None, ["a", "b"])


def test_a_file_that_was_named_must_exist():
    with pytest.raises(InvalidInput, match="no such configuration file"):
        load_config(Path("nothing.yaml"))


def test_an_empty_file_is_no_mistake():
    write("# later\n")
    assert load_config(None) == Config()


def test_policies_of_apps_override_the_defaults():
    write(
        "defaults: {timeouts: {build: 90m}, on_failure: pin}\n"
        "apps: {web: {timeouts: {deploy: 5m}, depends_on: [api]}}\n"
    )
    policy = load_config(None).policy("web")
    assert (policy.timeouts.build, policy.timeouts.deploy) == (5400, 300)
    assert (policy.on_failure, policy.depends_on) == ("pin", ["api"])


FIELDS = "put its fields on the following lines, indented, as `name: value`"
DIGITS = "write digits, without quotes, such as 30"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("guard: {}\n", ("unknown-key", 1, 1, "did you mean guards?")),
        ("defaults:\n  timeout: {}\n", ("unknown-key", 2, 3, "did you mean timeouts?")),
        ("defaults:\n  health:\n    probe: {pth: /}\n", ("unknown-key", 3, 13, "did you mean path?")),
        ("apps:\n  web:\n    depend_on: [a]\n", ("unknown-key", 3, 5, "did you mean depends_on?")),
        ("variables: [A, {name: B, defalt: x}]\n", ("unknown-key", 1, 26, "did you mean default?")),
        ("variables: [{default: x}]\n", ("missing-key", 1, 13, "add `name: …`")),
        ("variables: [{name: A, default: 1.4}]\n", ("config-value", 1, 32, "quote it")),
        ("defaults: {timeouts: {build: soon}}\n", ("config-value", 1, 30, "write 90s, 5m or 1h30m")),
        ("defaults: {on_failure: rolback}\n", ("config-value", 1, 24, "did you mean rollback?")),
        ("apps: {web: 3}\n", ("config-value", 1, 13, FIELDS)),
        ("apps: {web: {health: {probe: {status: x}}}}\n", ("config-value", 1, 39, DIGITS)),
        ("- 1\n", ("config-value", 1, 1, FIELDS)),
        ("project: a\nproject: b\n", ("duplicate-key", 2, 1, "remove one of them: YAML readers keep only one")),
        ("---\n{}\n---\n{}\n", ("several-documents", 4, 1, "merge them: remove the `---`")),
    ],
)
def test_a_mistake_is_told_at_its_place(text, problem):
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("variables: [1A]\n", "variables[1]: '1A' is not a valid name",
         "use letters, digits and underscores, such as IMAGE_TAG"),
        ("variables: A\n", "variables must be a list", "start each item with `- `"),
        ("variables: [A, A]\n", "variables: A is declared twice", "remove one of them"),
        ("- 1\n", "the configuration must be a mapping", FIELDS),
        ("guards: {max_changes: many}\n", "max_changes must be a whole number", DIGITS),
        ("guards: {max_changes: 101}\n", "max_changes must be at most 100", ""),
        ("defaults: {health: {components: maybe}}\n", "components must be true or false", "write it without quotes"),
        ("defaults: {timeouts: {deploy: }}\n", "deploy: a duration is missing", "write 90s, 5m or 1h30m"),
        ("defaults: {timeouts: {build: 0s}}\n", "build: a timeout must be longer than 0s", "write 90s, 5m or 1h30m"),
        ("defaults: {timeouts: {build: 9999999999d}}\n", "build: a duration must be between 0s and 366d", ""),
        ("defaults: {health: {probe: {path: healthz}}}\n", "path: 'healthz' is not a URL path",
         "write /healthz"),
        ("defaults: {health: {probe: {status: 99}}}\n", "status: 99 is not an HTTP status",
         "use 100 to 599, such as 200"),
        ("defaults: {health: {probe: {status: [200, 600]}}}\n", "status: 600 is not an HTTP status",
         "use 100 to 599, such as 200"),
        ("defaults: {ignore: [/region, services/web]}\n", "ignore[2]: 'services/web' is not a JSON pointer",
         "write /services/web"),
        ("apps: {web: {ignore: [region]}}\n", "ignore[1]: 'region' is not a JSON pointer", "write /region"),
        ("project: shop\n", "project: 'shop' is not a project id",
         "run `doctl projects list` for ids such as 4b7c2f0e-93a5-4f7e-8a55-1d1f0e6c2b11"),
        ("freeze: [{start: 2026-12-24, end: '9999-12-31T23:00-12:00'}]\n",
         "freeze[1]: '9999-12-31T23:00-12:00' is too far away", "write a date between the years 2 and 9998"),
        ("freeze: [{cron: 0 1 * * *, duration: 1h, time_zone: Europe}]\n", "freeze[1]: unknown time_zone 'Europe'", ""),
        ("freeze: [{start: 2026-12-24}]\n", "freeze[1]: a freeze window with start also needs end",
         "add `end: 2026-12-24T18:00`"),
        ("freeze: [{cron: 0 0 30 2 *, duration: 1h}]\n",
         "freeze[1]: cron '0 0 30 2 *' is not a cron expression: Bad day-of-month", ""),
        ("policies: polices\n", "no such folder: polices; no policy would be enforced",
         "fix the path (it is relative to this file), or remove the key"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_plain_words_with_what_is_expected(text, message, hint):
    write(text)
    with pytest.raises(InvalidInput) as caught:
        load_config(None)
    assert [(one.message, one.hint) for one in caught.value.findings] == [(message, hint)]


@pytest.mark.parametrize("name", ["DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "GITHUB_TOKEN", "gh_token"])
def test_c63_a_token_cannot_be_declared_as_a_variable(name):
    hint = "give the app a token of its own under another name"
    assert problems(f"variables: [A, {name}]\n") == [("config-value", 1, 16, hint)]
    assert problems(f"variables:\n- name: {name}\n  default: x\n") == [("config-value", 2, 9, hint)]


PROBE = "defaults:\n  health:\n    probe:\n      "


@pytest.mark.parametrize(
    ("probe", "place", "message"),
    [
        ("headers: {X-Key: schlüssel}", (4, 24), "X-Key: a header must be ASCII on one line"),
        ('headers: {X-Key: "s3cr3t\\nx: y"}', (4, 24), "X-Key: a header must be ASCII on one line"),
        ('headers: {X-Key: " s3cr3t"}', (4, 24), "X-Key: a header must not begin or end with a space"),
        ("headers: {X Key: s3cr3t}", (4, 24), "X Key: invalid header name"),
        ("headers: {content-length: '5'}", (4, 33),
         "content-length: this header is not allowed in a request without a body"),
        ('path: "/a\\u0000b"', (4, 13), "path: not a valid request path"),
        ('path: "/a\\nb"', (4, 13), "path: not a valid request path"),
        (f"path: /{'a' * 8000}", (4, 13), "path: not a valid request path"),
        ("path: /#/login", (4, 13), "path: a fragment (#) is never sent"),
        ("status: []", (4, 15), "status: an empty list expects no status"),
        ("body: (", (4, 13), "body: invalid regular expression: missing ): ("),
        ("body: '^(?!error)'", (4, 13), "body: invalid regular expression: invalid perl operator: (?!"),
        ("body: '(a{1000}){2}'", (4, 13), "body: invalid regular expression: "),
        ("body: 'a{999}b{999}'", (4, 13), "body: the regular expression is too large"),
    ],
)  # fmt: skip
def test_c57_c59_a_probe_that_cannot_be_sent_or_judged_is_refused_at_its_place(probe, place, message):
    write(PROBE + probe + "\n")
    with pytest.raises(InvalidInput) as caught:
        load_config(None)
    (finding,) = caught.value.findings
    assert (finding.location.line, finding.location.column) == place
    assert finding.message.startswith(message)
    assert "s3cr3t" not in finding.message + finding.hint


def test_c57_what_an_http_client_sends_is_no_mistake():
    write(PROBE + 'path: "/ä b?x=y%20z"\n      headers: {X-Key: "a\\tb", Host: web.example, X-None: "", X-C: "ä"}\n')
    assert [one[1:3] for one in problems(Path("reconcile.yaml").read_text(encoding="utf-8"))] == [(5, 68)]
    write(Path("reconcile.yaml").read_text(encoding="utf-8").replace(', X-C: "ä"', ""))
    assert load_config(None).defaults.health.probe.path == "/ä b?x=y%20z"


def test_an_ignored_path_whose_field_nobody_knows_is_a_warning():
    write("defaults: {ignore: [/region, /sevices/web/instance_count, /*/web]}\napps: {web: {ignore: [/zzz]}}\n")
    assert [(one.code, str(one.location), one.hint, one.is_error) for one in read_config(None).warnings] == [
        ("unknown-path", "reconcile.yaml:1:30", "did you mean services?", False),
        (
            "unknown-path",
            "reconcile.yaml:2:23",
            "start at the top of the spec, such as /services/web/instance_count",
            False,
        ),
    ]


def test_all_mistakes_are_told_at_once():
    assert len(problems("guard: 1\nproject: 3\ndefaults: {x: 1}\napps: {web: {y: 2}}\n")) == 4


def names(text, known):
    write(text)
    return [(one.code, str(one.location), one.hint, one.is_error) for one in check_names(read_config(None), known)]


def test_apps_nobody_knows_are_warnings():
    text = "defaults: {depends_on: [bsae]}\napps:\n  wbe: {}\n  web: {depends_on: [api, aip]}\nmoved: {old: new}\n"
    assert names(text, ["web", "api", "base"]) == [
        ("unknown-app", "reconcile.yaml:3:8", "did you mean web?", False),
        ("unknown-app", "reconcile.yaml:5:14", "", False),
        ("unknown-app", "reconcile.yaml:4:27", "did you mean api?", False),
        ("unknown-app", "reconcile.yaml:1:25", "did you mean base?", False),
    ]


def test_apps_that_wait_for_each_other_are_an_error_that_shows_the_circle():
    write("apps:\n  aa: {depends_on: [bb]}\n  bb: {depends_on: [cc]}\n  cc: {depends_on: [aa]}\n")
    (finding,) = check_names(read_config(None), ["aa", "bb", "cc"])
    assert (finding.code, finding.is_error) == ("dependency-cycle", True)
    circle = finding.message.removeprefix("circular depends_on: ").split(" → ")
    waits = {"aa": "bb", "bb": "cc", "cc": "aa"}
    assert len(circle) == 4
    assert all(waits[one] == two for one, two in pairwise(circle))


def test_what_all_wait_for_need_not_wait_for_itself():
    assert names("defaults: {depends_on: [base]}\n", ["base", "web"]) == []
    assert names("apps: {base: {depends_on: [base]}}\n", ["base"])[0][0] == "dependency-cycle"


@pytest.mark.parametrize(
    ("moved", "known", "told"),
    [
        ("{web: shop}", ["web", "shop"], "moved says web became shop, but both have a spec"),
        ("{a: b, b: c}", ["a", "c"], "moved says a became c, but both have a spec"),
        ("{web: web}", ["web"], "moved: web is renamed back to itself"),
        ("{a: b, b: a}", ["b"], "moved: a is renamed back to itself"),
        ("{a: c, b: c}", ["c"], "moved: a and b cannot both become c"),
    ],
)
def test_former_names_that_no_app_can_have_had_are_errors(moved, known, told):
    write(f"moved: {moved}\n")
    first, *_ = check_names(read_config(None), known)
    assert (first.code, first.message, first.is_error) == ("moved-names", told, True)
    assert str(first.location).startswith("reconcile.yaml:1:")


def test_an_app_that_was_renamed_twice_has_two_former_names():
    assert names("moved: {a: b, b: c}\n", ["c"]) == []
    assert read_config(None).config.former_names("c") == ["b", "a"]


def test_names_can_be_checked_without_a_file():
    assert check_names(ConfigFile(Config()), ["web"]) == ()


SERVICE, WORKER = {"services": [{"name": "api"}]}, {"workers": [{"name": "api"}]}


@pytest.mark.parametrize(
    ("text", "specs", "found"),
    [
        ("apps:\n  web: {health: {probe: {path: /}}}\n", {"web": WORKER}, [("probe-without-url", 2, 25, True)]),
        ("apps:\n  web: {health: {probe: {path: /}}}\n", {"web": SERVICE}, []),
        ("apps:\n  web: {health: {probe: {path: /}}}\n", {"other": WORKER}, []),
        ("apps:\n  web: {health: {probe: null}}\n", {"web": WORKER}, []),
        ("apps:\n  web: {health: {soak: 9s}}\n  api: {}\n", {"web": WORKER}, []),
        ("defaults: {health: {probe: {path: /}}}\n", {"web": WORKER}, []),
    ],
)
def test_c57_a_probe_of_an_app_that_answers_no_requests_is_an_error_at_its_place(text, specs, found):
    write(text)
    told = [
        (one.code, one.location.line, one.location.column, one.is_error)
        for one in check_probes(read_config(None), specs)
    ]
    assert told == found


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("apps:\n  web: {health: {probe: {count: 3, interval: 10m}}}\n", [(2, 25)]),
        ("apps:\n  web: {health: {probe: {count: 302, interval: 0s}}}\n", [(2, 25)]),  # once a second at most
        ("apps:\n  web: {health: {probe: {count: 300, interval: 0s}}}\n", []),
        ("apps:\n  web: {health: {probe: {count: 3, interval: 10m}}, timeouts: {health: 1h}}\n", []),
        ("apps:\n  web: {health: {probe: {interval: 10m}}}\n", []),
        ("apps:\n  web: {health: {probe: null}}\ndefaults: {health: {probe: {count: 999}}}\n", [(3, 28)]),
        ("apps:\n  web: {timeouts: {health: 1m}}\ndefaults: {health: {probe: {count: 40}}}\n", [(3, 28)]),
    ],
)
def test_a_probe_whose_successes_take_longer_than_health_may_is_refused_as_it_would_roll_back_what_is_healthy(
    text, places
):
    write(text)
    found = check_probes(read_config(None), {"web": SERVICE, "api": SERVICE})
    assert [(one.location.line, one.location.column) for one in found] == places
    assert {one.code for one in found} <= {"probe-too-slow"}


def test_the_published_schema_takes_what_the_models_take():
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {
        "variables": ["A", {"name": "B"}],
        "defaults": {"timeouts": {"build": "60m"}},
        "apps": {"web": {"depends_on": []}},
    }
    assert Config.model_validate(good)
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"apps": {"web": {"depend_on": []}}}, schema)


@pytest.mark.parametrize("section", ["rollout", "guards", "preview", "account"])
def test_a_section_that_is_left_empty_counts_as_left_out(section: str) -> None:
    Path("reconcile.yaml").write_text(f"{section}:\n")
    assert dict(load_config(None)) == dict(Config.model_construct())
