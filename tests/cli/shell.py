"""The command in a process of its own, for what only a process has: streams, signals, a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
API = {"image": {"registry_type": "DOCKER_HUB", "registry": "traefik", "repository": "whoami", "tag": "v1"}}
WEB = {"name": "web", "region": "fra", "services": [{"name": "api", "http_port": 80, **API}]}
PROMPT = {"defaults": {"health": {"soak": "0s", "tolerance": "0s"}}}


def web_in(folder: Path) -> Path:
    """One app in a folder, whose deployments take an instant."""
    (folder / "specs").mkdir()
    (folder / "specs/web.yaml").write_text(yaml.safe_dump(WEB))
    (folder / "reconcile.yaml").write_text(yaml.safe_dump(PROMPT))
    shell("reconcile sandbox set speed=instant", folder)
    return folder


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
