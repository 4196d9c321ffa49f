"""Which file an app is imported into."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.config_file import CONFIG_NAMES
from reconciler.desired.export import rewrite
from reconciler.desired.load import load
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.errors import InvalidInput
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


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/null"])
def test_c84_a_device_is_no_spec(device: str) -> None:
    with within(10):
        (finding,) = load([device], config=importing(Path("nowhere")).config, environ={}).findings
    assert finding.code == "unreadable-file"
