from pathlib import Path

import pytest

from reconciler.config import Config
from reconciler.desired.load import load
from reconciler.desired.reading import OTHER, unrelated
from reconciler.findings import Severity

SPEC = "name: {name}\nservices:\n- name: api\n  image: {{registry_type: GHCR, registry: a, repository: b, tag: '1'}}\n"


def write(folder, files):
    for name, text in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def loaded(paths, *, config=None, environ=None, **options):
    return load(paths, config=Config.model_validate(config or {}), environ=environ or {}, **options)


def codes(result):
    return [(finding.code, str(finding.location)) for finding in result.findings]


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_folders_are_read_in_order_without_hidden_files_configuration_and_policies():
    write(
        ".",
        {
            "specs/b.yml": SPEC.format(name="bb"),
            "specs/a.yaml": SPEC.format(name="aa"),
            "specs/sub/c.json": '{"name": "cc"}',
            "specs/.hidden.json": "{}",
            "specs/.git/config.yaml": "name: hidden\n",
            "specs/.cache/data.json": "{}",
            "specs/reconcile.yaml": "variables: []\n",
            "specs/policies/p.yaml": "type: object\n",
            "specs/notes.txt": "nothing\n",
        },
    )
    result = loaded(["specs", "specs/a.yaml"], config={"policies": "specs/policies"})
    assert [(app.name, app.file) for app in result.apps] == [
        ("aa", "specs/a.yaml"),
        ("bb", "specs/b.yml"),
        ("cc", "specs/sub/c.json"),
    ]
    assert result.findings == ()


def test_a_file_is_read_once_whatever_links_lead_to_it():
    write(".", {"specs/a.yaml": SPEC.format(name="aa"), "rules/p.yaml": "type: object\n"})
    Path("specs/b.yaml").symlink_to("a.yaml")
    Path("specs/policies").symlink_to("../rules")
    Path("more").symlink_to("specs")
    result = loaded(["more", "specs/a.yaml", "specs"], config={"policies": "rules"})
    assert [app.file for app in result.apps] == ["more/a.yaml"]
    assert result.findings == ()


def test_a_hidden_file_is_read_where_it_is_named_and_its_wrapper_is_taken_off():
    write(".", {".do/deploy.template.yaml": "spec:\n  name: web\n  region: nyc\n"})
    result = loaded([".do/deploy.template.yaml"])
    (app,) = result.apps
    assert app.spec == {"name": "web", "region": "nyc"}
    assert str(app.locate("/region")) == ".do/deploy.template.yaml:3:11"
    assert result.findings == ()


def test_what_stands_beside_the_wrapper_is_told():
    write(".", {"a.yaml": "spec:\n  name: web\nextra: 1\n"})
    (finding,) = loaded(["a.yaml"]).findings
    assert (finding.code, finding.is_error, str(finding.location)) == ("unknown-field", False, "a.yaml:3:1")
    assert loaded(["a.yaml"], strict=True).findings[0].is_error


def test_two_specs_of_one_app_are_told_with_both_places():
    write(".", {"a.yaml": "name: web\n---\nname: other\n", "b.yaml": "region: nyc\nname: web\n"})
    result = loaded(["a.yaml", "b.yaml"])
    (finding,) = result.findings
    assert (finding.code, str(finding.location)) == ("duplicate-app", "b.yaml:2:7")
    assert [str(place) for place in finding.related] == ["a.yaml:1:7"]


def test_no_spec_at_all_says_where_was_looked():
    write(".", {"specs/readme.md": "x"})
    (finding,) = loaded(["specs"]).findings
    assert finding.code == "no-specs"
    assert "specs" in finding.message


def test_what_is_no_spec_is_told():
    write(".", {"a.yaml": "- 1\n", "b.yaml": "", "c.yaml": "---\n---\nname: web\n", "d.yaml": "text\n"})
    result = loaded(["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"])
    assert sorted(codes(result)) == [
        ("empty-document", "b.yaml"),
        ("empty-document", "c.yaml:2:1"),
        ("no-such-path", "e.yaml"),
        ("not-a-mapping", "a.yaml:1:1"),
        ("not-a-mapping", "d.yaml:1:1"),
    ]
    assert [app.name for app in result.apps] == ["web"]


def test_a_file_that_cannot_be_read_does_not_hide_the_others():
    write(".", {"a.yaml": "name: web\n"})
    Path("b.yaml").write_bytes(b"\xff\xfea\x00")
    result = loaded(["a.yaml", "b.yaml"])
    assert [app.name for app in result.apps] == ["web"]
    assert codes(result) == [("encoding", "b.yaml:1:1")]


def test_a_spec_without_a_name_is_loaded_for_validation_to_judge():
    write(".", {"a.yaml": "region: nyc\n", "b.yaml": "name: [x]\n"})
    assert [app.name for app in loaded(["a.yaml", "b.yaml"]).apps] == ["", ""]


def test_a_thousand_documents_in_one_file_are_a_thousand_apps():
    write(".", {"a.yaml": "---\n".join(SPEC.format(name=f"app-{n}") for n in range(1000))})
    result = loaded(["a.yaml"])
    assert len(result.apps) == 1000
    assert str(result.apps[999].locate("/name")) == "a.yaml:4996:7"


def test_the_secrets_of_a_part_that_no_model_knows_are_known_by_the_app():
    agents = (
        "agents:\n- image: {registry_credentials: 'ada:hunter2'}\n  envs: [{key: K, type: SECRET, value: hunter3}]\n"
    )
    write("specs", {"web.yaml": SPEC.format(name="web") + agents})
    (app,) = loaded(["specs"]).apps
    assert app.secrets == {"ada:hunter2", "hunter3"}


def test_a_folder_with_nothing_but_empty_files_holds_no_spec():
    write("specs", {"a.yaml": "", "b.yaml": "# later\n"})
    assert [finding.code for finding in loaded(["specs"]).findings] == ["empty-document", "empty-document", "no-specs"]


def test_c79_the_folder_do_is_read_and_a_template_beside_the_app_is_not():
    template = "spec:\n  name: web\n  services:\n  - {name: api, github: {repo: a/b}}\n"
    write(".", {".do/app.yaml": SPEC.format(name="web"), ".do/deploy.template.yaml": template})
    for path in (".", ".do"):
        result = loaded([path])
        assert [(app.name, Path(app.file)) for app in result.apps] == [("web", Path(".do/app.yaml"))]
        (finding,) = result.findings
        assert (finding.code, finding.severity) == ("template", Severity.NOTICE)
        assert finding.location
        assert Path(finding.location.file) == Path(".do/deploy.template.yaml")
    assert [app.wrapper for app in loaded([".do/deploy.template.yaml"]).apps] == ["/spec"]
    Path(".do/app.yaml").unlink()
    assert [app.wrapper for app in loaded(["."]).apps] == ["/spec"], "alone, the template is what there is"


def test_c79_a_missing_folder_of_specs_points_to_do():
    write(".", {".do/app.yaml": SPEC.format(name="web")})
    (finding,) = loaded(["specs"]).findings
    assert finding.code == "no-such-path"
    assert ".do" in finding.hint


def test_c79_hidden_files_with_yaml_are_named_in_one_line():
    files = {f"specs/.old{number}/web.yaml": "name: web\n" for number in range(7)}
    write(".", {"specs/web.yaml": SPEC.format(name="web"), "specs/.x.yml": "name: x\n", ".venv/a.yaml": "", **files})
    (finding,) = loaded(["specs"]).findings
    assert (finding.code, finding.severity) == ("hidden-files", Severity.NOTICE)
    assert "specs/.old0, specs/.old1" in finding.message
    assert finding.message.endswith("and 3 more")


FOREIGN = {
    "compose.yaml": ("services:\n  db:\n    image: postgres\n", "a Docker Compose file"),
    "stack.yml": ("name: shop\nservices:\n  db:\n    build: .\nvolumes: {}\n", "a Docker Compose file"),
    "ci.yml": ("on: push\njobs:\n  test:\n    runs-on: x\n    steps: []\n", "a CI workflow"),
    "action.yml": ("name: x\nruns: {using: composite, steps: []}\n", "a GitHub action"),
    "gitlab-ci.yml": ("stages: [a]\nbuild:\n  script: [!reference [a, b]]\n", "a GitLab CI file"),
    "jobs.yml": ("test:\n  script: make\n", "a GitLab CI file"),
    "azure.yml": ("trigger: [main]\njobs:\n- job: x\n  steps: []\n", "a CI pipeline"),
    "bitbucket.yml": ("image: x\npipelines: {default: []}\n", "a CI pipeline"),
    "k8s.yaml": (
        "apiVersion: v1\nkind: Service\nspec: {ports: []}\n---\napiVersion: v1\nkind: List\n",
        "a Kubernetes object",
    ),
    "Chart.yaml": ("apiVersion: v2\nname: web\nversion: 1.0.0\n", "a Helm chart"),
    "play.yml": ("- name: x\n  hosts: all\n", "an Ansible playbook"),
    "api.json": ('{"openapi": "3.1.0", "paths": {}}', "an OpenAPI description"),
    "schema.json": ('{"$schema": "x", "properties": {}}', "a JSON Schema"),
    "package.json": ('{"name": "web", "version": "1.0.0"}', "a package's JSON"),
    "mkdocs.yml": ("site_name: x\nnav: []\n", OTHER),
}


def test_c79_yaml_of_other_tools_is_skipped_with_one_line():
    write("specs", {name: text for name, (text, _) in FOREIGN.items()} | {"web.yaml": SPEC.format(name="web")})
    result = loaded(["specs"])
    assert [app.name for app in result.apps] == ["web"]
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("unrelated-files", Severity.NOTICE)
    assert f"and {len(FOREIGN) - 5} more" in finding.message


@pytest.mark.parametrize(("file", "text", "kind"), [(name, *both) for name, both in FOREIGN.items()])
def test_c79_a_file_of_another_tool_that_is_named_is_an_error(file, text, kind):
    write(".", {file: text})
    result = loaded([file])
    assert any(finding.is_error for finding in result.findings) or kind == OTHER
    assert [finding.message for finding in result.findings if finding.code == "not-a-spec"] == (
        [f"this is {kind}, not an app spec"] if kind != OTHER else []
    )


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"name": "web"},
        {"name": "web", "service": [{"name": "api"}]},
        {"name": "web", "services": [{"name": "api"}], "stages": [], "trigger": 1, "x": {"script": 1}},
        {"name": "web", "services": {"api": {"github": {}, "image": {"repository": "x"}}}},
        {"regoin": "fra"},
        {"spec": {"name": "web"}},
        {"name": "web", "jobs": {"migrate": {"github": {}}}},
        [{"name": "web", "services": []}],
        None,
        "text",
    ],
)
def test_c79_whatever_may_be_a_spec_is_taken_for_one(data):
    assert unrelated(data, "web.yaml") == ""


def test_documents_of_another_tool_do_not_hide_the_specs_beside_them():
    write("specs", {"all.yaml": f"apiVersion: v1\nkind: x\n---\n{SPEC.format(name='web')}"})
    result = loaded(["specs"])
    assert [app.name for app in result.apps] == ["web"]
    assert [finding.code for finding in result.findings] == ["unrelated-files"]
