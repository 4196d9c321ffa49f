from pathlib import Path

import pytest

from reconciler.config import Config
from reconciler.desired.load import load

SPEC = "name: {name}\nservices:\n- name: api\n  image: {{registry_type: GHCR, repository: a/b, tag: '1'}}\n"


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
            "specs/.hidden.yaml": "name: hidden\n",
            "specs/.do/app.yaml": "name: hidden\n",
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
