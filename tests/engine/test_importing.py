"""Which file an app is imported into."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config_file import CONFIG_NAMES
from reconciler.desired.load import load
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.live.models import LiveApp


@pytest.mark.parametrize("name", ["reconcile", "reconciler"])
def test_no_app_is_imported_into_what_would_be_read_as_the_configuration(tmp_path: Path, name: str) -> None:
    importer = Importer.read(tmp_path, RunOptions((tmp_path,)))
    brought = importer.write(LiveApp(id="a1", spec={"name": name, "region": "fra"}))
    assert brought.file.name not in CONFIG_NAMES
    assert [app.name for app in load([tmp_path], config=importer.config, environ={}).apps] == [name]
    assert importer.write(LiveApp(id="a1", spec={"name": name, "region": "fra"})).changed is False
