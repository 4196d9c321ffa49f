"""Which file an app is imported into."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.config_file import CONFIG_NAMES
from reconciler.desired.export import export_spec, rewrite
from reconciler.desired.load import load
from reconciler.desired.preview_mark import Mark, marked
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.errors import InvalidInput
from reconciler.findings import Severity
from reconciler.live.models import LiveApp


@pytest.mark.parametrize("name", ["reconcile", "reconciler"])
def test_no_app_is_imported_into_what_would_be_read_as_the_configuration(tmp_path: Path, name: str) -> None:
    importer = Importer.read(tmp_path, RunOptions((tmp_path,)))
    brought = importer.write(LiveApp(id="a1", spec={"name": name, "region": "fra"}))
    assert brought.file.name not in CONFIG_NAMES
    assert [app.name for app in load([tmp_path], config=importer.config, environ={}).apps] == [name]
    assert importer.write(LiveApp(id="a1", spec={"name": name, "region": "fra"})).changed is False


# --- C84: an import writes only below its folder, through no link, and waits for no device ---


def importing(folder: Path) -> Importer:
    return Importer.read(folder, RunOptions((folder,)))


def app(name: str) -> LiveApp:
    return LiveApp(id="a1", spec={"name": name, "region": "fra"})


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fails what is waited for too long, even within a call to the operating system."""

    def expire(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "name",
    ["../outside", "../../outside", "a/b", "..", ".hidden", "", "a\x00b", "a\nb", "\x1b[2J", "\u202egpj", "x" * 300],
)
def test_c84_an_app_whose_name_is_no_file_name_is_written_nowhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "specs"
    with pytest.raises(InvalidInput) as caught:
        importing(folder).write(app(name))
    assert [finding.code for finding in caught.value.findings] == ["unsafe-path"]
    assert not list(tmp_path.rglob("*"))


def test_c84_an_absolute_name_is_written_nowhere(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        importing(tmp_path / "specs").write(app(str(tmp_path / "outside")))
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("text", [None, "", "name: other\n", "name: web\n", "name: web\nregion: nyc\n"])
def test_c84_nothing_is_written_through_a_link(tmp_path: Path, text: str | None) -> None:
    folder, outside = tmp_path / "specs", tmp_path / "outside.yaml"
    folder.mkdir()
    if text is not None:
        outside.write_text(text)
    (folder / "web.yaml").symlink_to(outside)
    with pytest.raises(InvalidInput) as caught:
        importing(folder).write(app("web"))
    assert [finding.code for finding in caught.value.findings] == ["unsafe-path"]
    assert (outside.read_text() if outside.exists() else None) == text
    assert (folder / "web.yaml").is_symlink()


def test_c84_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "specs").symlink_to("real")
    assert importing(tmp_path / "specs").write(app("web")).changed
    assert (tmp_path / "real/web.yaml").is_file()


def test_c84_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "web.yaml")
    with within(10):
        read = importing(tmp_path)
        with pytest.raises(InvalidInput) as caught:
            read.write(app("web"))
        (finding,) = load([tmp_path], config=read.config, environ={}).findings
        with pytest.raises(InvalidInput, match="not a regular file"):
            Importer.read(tmp_path, RunOptions((tmp_path,), config=tmp_path / "web.yaml"))
    assert [finding.code for finding in caught.value.findings] == ["file-exists"]
    assert (finding.code, finding.message) == ("unreadable-file", "cannot read the file: it is not a regular file")


def test_c84_a_pipe_or_a_device_is_neither_replaced_by_a_file_nor_read_without_end(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    with within(10), pytest.raises(OSError, match="it is not a regular file"):
        rewrite(pipe, "name: b\n")
    assert pipe.is_fifo()
    assert [*tmp_path.iterdir()] == [pipe]


def test_what_cannot_be_written_is_named_as_it_was_given_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("name: web\n")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "elsewhere")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left") as refused:
        rewrite(file, "name: other\n")
    assert refused.value.filename == str(file)
    monkeypatch.setattr(Path, "chmod", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rewrite(file, "name: other\n")
    assert [path.name for path in tmp_path.iterdir()] == ["web.yaml"]
    assert file.read_text() == "name: web\n"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/null"])
def test_c84_a_device_is_no_spec(device: str) -> None:
    with within(10):
        (finding,) = load([device], config=importing(Path("nowhere")).config, environ={}).findings
    assert finding.code == "unreadable-file"


def test_a_preview_is_known_by_its_mark_unless_it_has_a_spec(tmp_path: Path) -> None:
    mark = Mark("web", "acme/web", 12, "0" * 40)
    live = LiveApp(id="a1", spec=marked({"name": mark.name, "region": "fra"}, mark))
    importer = importing(tmp_path)
    assert importer.is_preview(live)
    assert not importer.is_preview(app("web"))
    importer.write(live)
    assert not importing(tmp_path).is_preview(live)


# --- What import must not write, and what it must say of what it writes ---

SECRET_IN_PLAIN_FIELDS = """\
name: web
region: fra
services:
  - name: api
    envs:
      - {key: URL, value: "postgres://u:${PASSWORD}@h"} # not typed SECRET
    run_command: ./serve ${PASSWORD}
"""


def with_password(folder: Path, password: str) -> Importer:
    config = folder / "reconcile.yaml"
    config.write_text("variables: [{name: PASSWORD, secret: true}]\n")
    specs = folder / "specs"
    return Importer.read(specs, RunOptions((specs,), config=config, environ={"PASSWORD": password}))


def live_with_password(password: str, **service: object) -> LiveApp:
    envs = [{"key": "URL", "value": f"postgres://u:{password}@h"}]
    api = {"name": "api", "envs": envs, "run_command": f"./serve {password}", **service}
    return LiveApp(id="a1", spec={"name": "web", "region": "fra", "services": [api]})


@pytest.mark.parametrize("merge", [False, True])
def test_the_live_value_of_a_secret_variable_is_never_written_in_its_place(tmp_path: Path, merge: bool) -> None:
    (tmp_path / "specs").mkdir()
    file = tmp_path / "specs/web.yaml"
    merged = SECRET_IN_PLAIN_FIELDS.replace("- name: api", "- <<: {http_port: 9000}\n    name: api")
    before = merged if merge else SECRET_IN_PLAIN_FIELDS
    file.write_text(before)
    done = with_password(tmp_path, "hunter2-new").write(live_with_password("hunter2-old", instance_count=2))
    text = file.read_text()
    assert "hunter2" not in text
    assert "postgres://u:${PASSWORD}@h" in text
    assert "./serve ${PASSWORD}" in text
    assert "instance_count: 2" in text
    left = [found.message for found in done.odd if found.code == "secret-left-out"]
    assert sorted(left) == [
        f"the live value of services/api/{field} was not written: a secret variable is in its place"
        for field in ("envs/URL/value", "run_command")
    ]
    assert ("rewritten" in {found.code for found in done.odd}) == merge
    again = with_password(tmp_path, "hunter2-old").write(live_with_password("hunter2-old", instance_count=2))
    assert (again.changed, [one for one in again.odd if one.code == "secret-left-out"]) == (False, [])


def test_a_spec_that_is_written_anew_is_said_to_be(tmp_path: Path) -> None:
    text = "name: web\nregion: fra\nservices:\n  # the API\n  - <<: {name: api, run_command: ./serve}\n"
    (tmp_path / "web.yaml").write_text(text)
    live = LiveApp(id="a1", spec={"name": "web", "region": "fra", "services": [{"name": "api"}]})
    done = importing(tmp_path).write(live)
    assert [one.code for one in done.odd if one.code == "rewritten"] == ["rewritten"]
    assert "# the API" not in (tmp_path / "web.yaml").read_text()


def cloned(url: str) -> LiveApp:
    worker = {"name": "queue", "git": {"repo_clone_url": url, "branch": "main"}}
    return LiveApp(id="a1", spec={"name": "web", "region": "fra", "workers": [worker]})


LOGIN = "https://bot:s3cr3t-t0k3n@git.example.com/acme/web.git"


@pytest.mark.parametrize("there", [None, "https://git.example.com/acme/old.git", LOGIN.replace("t0k3n", "old")])
def test_a_login_in_a_clone_url_is_not_written_and_that_is_said(tmp_path: Path, there: str | None) -> None:
    if there:
        (tmp_path / "web.yaml").write_text(export_spec(dict(cloned(there).spec)))
    done = importing(tmp_path).write(cloned(LOGIN))
    assert "repo_clone_url: https://git.example.com/acme/web.git\n" in done.file.read_text()
    (said,) = done.odd
    assert said.message.startswith("the login in workers/queue/git/repo_clone_url was not written")


def test_a_login_that_git_has_already_is_no_reason_to_write(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(text := export_spec(dict(cloned(LOGIN).spec)))
    done = importing(tmp_path).write(cloned(LOGIN))
    assert (done.changed, done.odd, done.file.read_text()) == (False, (), text)


@pytest.mark.parametrize("text", ["a: [", "name: web\nregion: fra\n---\na: [", "- name: web\n"])
def test_a_new_file_for_an_app_that_a_broken_file_may_hold_comes_with_a_warning(tmp_path: Path, text: str) -> None:
    (tmp_path / "all.yaml").write_text(text)
    importer, live = importing(tmp_path), cloned("https://git.example.com/acme/web.git")
    done = importer.write(live.model_copy(update={"spec": {**live.spec, "name": "api"}}))
    assert done.file == tmp_path / "api.yaml"
    assert {one.severity for one in done.odd} == {Severity.WARNING}
    assert {one.location.file for one in done.odd if one.location} == {str(tmp_path / "all.yaml")}
    assert importer.write(live.model_copy(update={"spec": {**live.spec, "name": "other"}})).odd == ()
