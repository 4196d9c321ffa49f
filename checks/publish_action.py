"""Publishes a release's action: a commit whose action.yml names the image by digest, and the tags that point to it.

Called by the release workflow: ``publish_action.py VERSION IMAGE@DIGEST``, in a checkout of the released commit, with
`gh` signed in. The commit is made through the API, so GitHub signs it and no credential lies in the checkout.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

_IMAGE_LINE = re.compile(r"^  # A release replaces this.*\n  image: Dockerfile$", re.MULTILINE)
_IMAGE = re.compile(r"[a-z0-9./_-]+@sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"(\d+)\.\d+\.\d+")


def pointed_at(action: str, image: str) -> str:
    """The text of action.yml with the published image instead of the Dockerfile."""
    if not _IMAGE.fullmatch(image):
        raise SystemExit(f"{image!r} is not an image with a digest")
    text, replaced = _IMAGE_LINE.subn(f"  image: docker://{image}", action)
    if replaced != 1:
        raise SystemExit("action.yml has not the one line that names the Dockerfile")
    return text


def tags_of(version: str) -> tuple[str, str]:
    """The tag of a version, which never moves, and that of its major version, which does."""
    match = _VERSION.fullmatch(version)
    if not match:
        raise SystemExit(f"{version!r} is not a version such as 1.4.0")
    return f"v{version}", f"v{match[1]}"


def api(method: str, path: str, body: dict[str, object]) -> dict[str, str]:
    """The answer of GitHub's API, asked through `gh`."""
    done = subprocess.run(
        ["gh", "api", "--method", method, path, "--input", "-"],
        input=json.dumps(body),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def main(version: str, image: str) -> None:
    """Make the commit, tag it, move the major tag."""
    tag, major = tags_of(version)
    source = os.environ["GITHUB_SHA"]
    git = f"repos/{os.environ['GITHUB_REPOSITORY']}/git"
    text = pointed_at(Path("action.yml").read_text(encoding="utf-8"), image)
    changed = [{"path": "action.yml", "mode": "100644", "type": "blob", "content": text}]
    tree = api("POST", f"{git}/trees", {"base_tree": source, "tree": changed})["sha"]
    message = f"{tag}: the action runs the published image\n\nBuilt from {source}."
    commit = api("POST", f"{git}/commits", {"message": message, "tree": tree, "parents": [source]})["sha"]
    api("POST", f"{git}/refs", {"ref": f"refs/tags/{tag}", "sha": commit})
    try:
        api("PATCH", f"{git}/refs/tags/{major}", {"sha": commit, "force": True})
    except subprocess.CalledProcessError:
        # The first release of a major version has no tag to move.
        api("POST", f"{git}/refs", {"ref": f"refs/tags/{major}", "sha": commit})
    print(f"{tag} and {major} point to {commit}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
