"""The bare floor: start Python, parse every spec with the C loader, list the same pages. Nothing is compared.

Run as a program of its own, so that it pays for its imports as `reconcile` does.
"""

import asyncio
import sys
from pathlib import Path

import httpx
import yaml


async def main(documents: list[object], url: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer bench"}, timeout=60) as client:
        first = (await client.get("/v2/apps", params={"page": 1, "per_page": 200})).json()
        pages = -(-first["meta"]["total"] // 200)
        rest = [client.get("/v2/apps", params={"page": page, "per_page": 200}) for page in range(2, pages + 1)]
        apps = first["apps"] + [app for answer in await asyncio.gather(*rest) for app in answer.json()["apps"]]
    assert len(apps) >= len(documents), "the sandbox does not hold the fleet"


specs = sorted(Path(sys.argv[1]).glob("fleet-*.yaml"))
asyncio.run(main([yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in specs], sys.argv[2]))
