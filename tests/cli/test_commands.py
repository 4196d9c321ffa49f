"""`import`, `fmt`, `--drift`, `--prune` and bugs, as the command line has them: what is written, said and returned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import main
from reconciler.sandbox import Sandbox
from tests.support.repository import Repository
from tests.support.warp import warp

WEB = """\
# the shop
name: web
region: ams
services:
  - name: api
    image: {registry_type: DOCKER_HUB, registry: library, repository: nginx, tag: "1.27"}
    instance_size_slug: apps-s-1vcpu-1gb
    instance_count: 1 # enough for now
    envs:
      - key: TOKEN
        value: ${TOKEN}
        type: SECRET
"""
CONFIG = "variables: [{name: TOKEN, secret: true}]\ndefaults: {health: {soak: 0s}}\n"

Run = Callable[..., int]


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    repository = Repository(tmp_path / "repo")
    repository.write("specs/web.yaml", WEB)
    repository.write("reconcile.yaml", CONFIG)
    repository.write(".gitignore", ".reconcile\n")
    repository.commit(0)
    repository.repo.close()
    monkeypatch.chdir(repository.root)
    monkeypatch.setenv("TOKEN", "sk-live-123456")
    for name in ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "RECONCILE_FINGERPRINT_KEY"):
        monkeypatch.delenv(name, raising=False)
    warp(monkeypatch)
    Path(".reconcile").mkdir()
    box = Sandbox(Path(".reconcile/sandbox.db"))
    box.configure(speed="instant")
    box.close()
    return repository.root


@pytest.fixture
def run(checkout) -> Run:
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture
def applied(run, capsys) -> Run:
    assert run("--sandbox") == 0
    capsys.readouterr()
    return run


def commit(root: Path, day: float) -> str:
    repository = Repository.__new__(Repository)
    from dulwich.repo import Repo

    repository.root, repository.repo = root, Repo(str(root))
    try:
        return repository.commit(day)
    finally:
        repository.repo.close()


def test_importing_an_app_in_sync_changes_nothing(applied, capsys):
    assert applied("import", "web", "--sandbox") == 0
    assert capsys.readouterr().out == "web: specs/web.yaml unchanged\n"
    assert Path("specs/web.yaml").read_text() == WEB


def test_importing_over_a_file_keeps_its_comments_and_variables(applied, capsys):
    Path("specs/web.yaml").write_text(WEB.replace("1.27", "1.28").replace("instance_count: 1", "instance_count: 3"))
    assert applied("import", "web", "--sandbox") == 0
    assert capsys.readouterr().out == "web: written to specs/web.yaml\n"
    assert Path("specs/web.yaml").read_text() == WEB


@pytest.mark.parametrize("environment", ["", "production"])
def test_importing_takes_the_variables_that_its_hint_asks_for(applied, capsys, environment):
    Path("specs/web.yaml").write_text(WEB.replace("1.27", "${TAG}").replace("instance_count: 1", "instance_count: 3"))
    Path("reconcile.yaml").write_text(
        CONFIG.replace("[{", "[TAG, {") + ("environments: {production: {}}" * bool(environment))
    )
    flags = ("--sandbox", *(("--env", environment) if environment else ()))
    assert applied("import", "web", *flags) == 3
    assert "pass --var TAG=" in capsys.readouterr().err
    assert applied("import", "web", "--var", "TAG=1.27", *flags) == 0
    assert capsys.readouterr().out.startswith("web: written to ")
    assert '"${TAG}"' in Path("specs/web.yaml").read_text()
    assert applied("plan", "--exit-code", "--var", "TAG=1.27", *flags) == 0


def test_a_new_file_is_in_sync_and_says_what_is_secret(applied, capsys):
    assert applied("import", "--all", "--into", "fresh", "--sandbox") == 0
    text = Path("fresh/web.yaml").read_text()
    assert "# secret, encrypted for this app:" in text
    assert "EV[1:" in text
    assert "instance_count" not in text, "a default is left out"
    assert "sk-live" not in text
    capsys.readouterr()
    assert applied("--plan", "--exit-code", "fresh", "--sandbox") == 0
    assert "1 in sync" in capsys.readouterr().out


def test_what_fingerprints_leave_with_the_app_is_not_imported(applied, monkeypatch, capsys):
    monkeypatch.setenv("RECONCILE_FINGERPRINT_KEY", "a key that is long enough")
    Path("reconcile.yaml").write_text(CONFIG.replace("health:", "secrets: fingerprint, health:"))
    assert applied("--sandbox") == 0
    assert applied("import", "web", "--sandbox") == 0
    assert applied("import", "web", "--into", "fresh", "--sandbox") == 0
    assert "FINGERPRINTS" not in Path("specs/web.yaml").read_text() + Path("fresh/web.yaml").read_text()


def test_several_apps_of_one_file_are_imported_into_it(applied):
    other = WEB.replace("name: web", "name: site").replace("# the shop", "# the site")
    Path("specs/web.yaml").write_text(WEB + "---\n" + other)
    assert applied("--sandbox") == 0
    changed = (WEB + "---\n" + other).replace("instance_count: 1", "instance_count: 2")
    Path("specs/web.yaml").write_text(changed)
    assert applied("import", "--all", "--sandbox") == 0
    assert Path("specs/web.yaml").read_text() == WEB + "---\n" + other


def test_who_is_notified_of_alerts_is_imported_if_it_is_asked_for(run, capsys):
    Path("specs/web.yaml").write_text(WEB + "alerts: [{rule: DEPLOYMENT_FAILED}]\n")
    assert run("--sandbox") == 0
    assert run("import", "web", "--sandbox") == 0
    assert "alerts" not in Path("reconcile.yaml").read_text()
    capsys.readouterr()
    assert run("import", "web", "--alerts", "--sandbox") == 0
    assert capsys.readouterr().out == (
        "web: specs/web.yaml unchanged\nweb: alert destinations written to reconcile.yaml\n"
    )
    text = Path("reconcile.yaml").read_text()
    assert text.startswith(CONFIG)
    assert "      DEPLOYMENT_FAILED:\n        emails:\n" in text
    assert run("import", "web", "--alerts", "--sandbox") == 0
    assert capsys.readouterr().out.endswith("web: alert destinations unchanged in reconcile.yaml\n")
    assert run("plan", "--exit-code", "--sandbox") == 0


def test_ignored_paths_are_not_imported(applied):
    Path("reconcile.yaml").write_text(CONFIG + "apps: {web: {ignore: [/services/api/instance_count]}}\n")
    text = WEB.replace("instance_count: 1", "instance_count: 3")
    Path("specs/web.yaml").write_text(text)
    assert applied("import", "web", "--sandbox") == 0
    assert Path("specs/web.yaml").read_text() == text


@pytest.mark.parametrize("moved", ["{web: site}", "{web: shop, shop: site}"])
def test_a_renamed_app_is_imported_under_its_new_name(applied, moved):
    Path("reconcile.yaml").write_text(CONFIG + f"moved: {moved}\n")
    text = WEB.replace("name: web", "name: site")
    Path("specs/web.yaml").rename("specs/site.yaml").write_text(text)
    assert applied("import", "web", "--sandbox") == 0
    assert list(Path("specs").iterdir()) == [Path("specs/site.yaml")]
    assert Path("specs/site.yaml").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("import",), 64, "name the apps to import, or use --all"),
        (("import", "web", "--all"), 64, "--all cannot be combined with app names"),
        (("import", "wbe"), 64, "did you mean web?"),
    ],
)
def test_an_import_of_nothing_or_of_what_is_not_there_is_a_usage_error(applied, capsys, arguments, code, said):
    assert applied(*arguments, "--sandbox") == code
    assert said in capsys.readouterr().err


def test_a_file_that_holds_something_else_or_is_broken_is_not_overwritten(applied, capsys):
    Path("fresh").mkdir()
    Path("fresh/web.yaml").write_text("name: other\n")
    assert applied("import", "web", "--into", "fresh", "--sandbox") == 3
    assert "is not the spec of web" in capsys.readouterr().err
    assert Path("fresh/web.yaml").read_text() == "name: other\n"
    broken = WEB + "name: web\n"
    Path("specs/web.yaml").write_text(broken)
    assert applied("import", "web", "--sandbox") == 3
    assert "duplicate key" in capsys.readouterr().err
    assert Path("specs/web.yaml").read_text() == broken


def test_files_keep_their_mode_and_fmt_follows_links(applied):
    real = Path("real.yaml")
    real.write_text(UNTIDY)
    real.chmod(0o640)
    Path("specs/web.yaml").unlink()
    Path("specs/web.yaml").symlink_to("../real.yaml")
    assert applied("fmt") == 0
    assert Path("specs/web.yaml").is_symlink()
    assert real.read_text() != UNTIDY
    assert real.stat().st_mode & 0o777 == 0o640
    assert list(Path("specs").iterdir()) == [Path("specs/web.yaml")], "nothing temporary is left"


# --- fmt ------------------------------------------------------------------------------------------------------------

UNTIDY = "services:\n- {name: api, image: {repository: nginx, registry_type: DOCKER_HUB}}\n\n\n\nname: web # ours\n"


def test_fmt_writes_files_in_one_way_and_says_which(run, capsys):
    Path("specs/web.yaml").write_text(UNTIDY)
    assert run("fmt", "--check") == 2
    assert "would change specs/web.yaml" in capsys.readouterr().out
    assert Path("specs/web.yaml").read_text() == UNTIDY
    assert run("fmt") == 0
    assert capsys.readouterr().out == "formatted specs/web.yaml\n1 formatted, 0 unchanged\n"
    assert Path("specs/web.yaml").read_text().startswith("name: web  # ours\n")
    assert run("fmt", "--check", "specs/web.yaml") == 0
    assert capsys.readouterr().out == "0 to format, 1 unchanged\n"


def test_fmt_leaves_alone_and_tells_what_is_no_yaml(run, capsys):
    Path("specs/broken.yaml").write_text("name: [\n")
    assert run("fmt") == 3
    assert "specs/broken.yaml:" in capsys.readouterr().err
    assert Path("specs/broken.yaml").read_text() == "name: [\n"
    assert run("fmt", "nowhere") == 3
    assert "no such file or folder: nowhere" in capsys.readouterr().err


# --- drift and prune --------------------------------------------------------------------------------------------------


def test_drift_exits_with_2_and_says_who_did_it(applied, checkout, capsys):
    assert applied("--drift", "--sandbox") == 0
    Path("specs/web.yaml").write_text(WEB.replace("1.27", "1.28"))
    changed = commit(checkout, 2)
    capsys.readouterr()
    assert applied("--drift", "--sandbox") == 2
    assert f"Git is ahead since {changed[:7]} (Ada Byron, " in capsys.readouterr().out
    for name in ("json", "markdown", "sarif", "github"):
        assert applied("--drift", "--sandbox", "--format", name) == 2
        told = capsys.readouterr().out
        assert name == "sarif" or changed[:7] in told


def test_prune_is_refused_by_a_guard_until_it_is_allowed(applied, checkout, capsys):
    Path("specs/web.yaml").unlink()
    Path("specs/site.yaml").write_text(WEB.replace("name: web", "name: site"))
    commit(checkout, 1)
    assert applied("--sandbox", "--prune") == 7
    assert "--allow delete=web" in capsys.readouterr().out
    assert applied("--sandbox", "--prune", "--allow", "delete=web") == 0
    assert "deleted" in capsys.readouterr().out
    assert applied("--plan", "--exit-code", "--unmanaged", "--sandbox") == 0


def test_prune_in_a_shallow_clone_is_refused_with_the_reason(applied, checkout, capsys):
    (checkout / ".git/shallow").write_text(commit(checkout, 1) + "\n")
    assert applied("--sandbox", "--prune") == 7
    told = capsys.readouterr().err
    assert "the clone is shallow" in told
    assert "fetch-depth: 0" in told


# --- bugs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [False, True])
def test_c05_an_error_nobody_foresaw_is_told_by_type_and_place_and_never_by_value(run, monkeypatch, capsys, group):
    def broken(*_: object) -> None:
        error = ValueError("the value is sk-live-123456, or quite-another")
        raise ExceptionGroup("several: quite-another", [error]) if group else error

    monkeypatch.setattr("reconciler.engine.load.check", broken)
    assert run("--sandbox") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "internal error: ValueError at " in told.err
    assert "cli/run.py:" in told.err
    assert "sk-live" not in told.err
    assert "quite-another" not in told.err


def test_c05_an_error_that_quotes_a_secret_is_told_without_it(run, monkeypatch, capsys):
    from reconciler.errors import Rejected

    async def refuse(*_: object) -> None:
        message = "envs[0].value sk-live-123456 is not fine"
        raise Rejected(message, method="PUT", path="/v2/apps", status=422, hint="why sk-live-123456?")

    monkeypatch.setattr("reconciler.engine.apply.plan", refuse)
    assert run("--sandbox") == 1
    told = capsys.readouterr().err
    assert "envs[0].value (secret) is not fine" in told
    assert "sk-live" not in told


def test_the_commands_are_listed_in_the_help(run, capsys):
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert " import " in told
    assert " fmt " in told


def test_c18_a_saved_plan_may_be_applied_twice_and_no_other_may(applied, run, checkout, capsys):
    spec = checkout / "specs" / "web.yaml"
    spec.write_text(spec.read_text().replace("1.27", "1.28"))
    assert run("--plan", "--save", "plan.json", "--sandbox") == 0
    assert run("--expect", "plan.json", "--sandbox") == 0
    assert "1 applied" in capsys.readouterr().out
    assert run("--expect", "plan.json", "--sandbox") == 0
    assert "1 in sync" in capsys.readouterr().out
    spec.write_text(spec.read_text().replace("1.28", "1.29"))
    assert run("--expect", "plan.json", "--sandbox") == 7
    assert "web: the spec in Git changed" in capsys.readouterr().err
