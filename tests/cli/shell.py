"""The command in a process of its own, for what only a process has: streams, signals, a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from reconciler.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
API = {"image": {"registry_type": "DOCKER_HUB", "registry": "traefik", "repository": "whoami", "tag": "v1"}}
WEB = {"name": "web", "region": "fra", "services": [{"name": "api", "http_port": 80, **API}]}
PROMPT = {"defaults": {"health": {"soak": "0s", "tolerance": "0s"}}}


def web_in(folder: Path) -> Path:
    """One app in a folder, whose deployments take an instant."""
    (folder / "specs").mkdir()
    (folder / "specs/web.yaml").write_text(yaml.safe_dump(WEB))
    (folder / "reconcile.yaml").write_text(yaml.safe_dump(PROMPT))
    with sandbox_of(folder) as box:
        box.configure(speed="instant")
    return folder


@contextmanager
def sandbox_of(folder: Path) -> Iterator[Sandbox]:
    """The sandbox of the commands in a folder, without a process of its own to set it up."""
    (folder / ".reconcile").mkdir(exist_ok=True)
    box = Sandbox(folder / ".reconcile/sandbox.db")
    try:
        yield box
    finally:
        box.close()


def shell(script: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a script of bash in which `reconcile` is the command."""
    command = f'reconcile() {{ "{sys.executable}" -m reconciler "$@"; }}\n{script}'
    hidden = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_API_URL", "RECONCILE_SANDBOX_FILE")
    base = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**base, "PYTHONPATH": str(ROOT), **environ},
        timeout=60,
        check=False,
    )
