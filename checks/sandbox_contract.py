"""Hold a served sandbox against the vendor's descriptions with schemathesis.

    python checks/sandbox_contract.py FOLDER [EXAMPLES]

FOLDER has the OpenAPI files. A sandbox is served in a process of its own; every operation gets
requests that fit its description and requests that do not, about things that exist and things that do not, and one
without a token. No answer may be a 5xx or break the contract in its status, content type, headers or body, save for the
errata of `schemathesis_errata.py`, each of which must still be needed. Every operation must have succeeded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis_errata import ERRATA, Erratum
from schemathesis_world import World, full_spec

FILES = ("app-platform.openapi.json", "app-platform.seed-20260323.openapi.json")
SEED = 20260323
EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ONE_IN = 5  # of the requests that fit, one in so many is about something that does not exist


@dataclass
class Tally:
    """What was held, and what was not."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    requests: int = 0
    succeeded: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, problem: str | None) -> None:
        """One thing was held, or not."""
        if problem is None:
            self.passed += 1
        else:
            self.failures.append(f"{what}: {problem}")


SERVE = """
import sys
from pathlib import Path
from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.server import serve

settings = Settings(speed=Speed.instant(), seed=int(sys.argv[2]))
serve(Path(sys.argv[1]), port=0, settings=settings, ready=lambda url: print(url, flush=True))
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A sandbox of its own process on a free port of the loopback; its address."""
    command = [sys.executable, "-c", SERVE, str(folder / "sandbox.db"), str(SEED)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


def arranged(case: Any, world: World, number: int, mode: GenerationMode) -> None:
    """Let a request be about things that exist, but for some; and rollbacks about a deployment."""
    if mode is GenerationMode.POSITIVE and number % ONE_IN == ONE_IN - 1:
        return
    for name in case.path_parameters or {}:
        case.path_parameters[name] = world.ids[name]
    if mode is GenerationMode.NEGATIVE:
        return
    if isinstance(case.query, dict):
        for name in ("job_name", "job_names", "deployment_id", "date"):
            case.query.pop(name, None)
        if "component_name" in case.query:
            case.query["component_name"] = "api"
    operation = case.operation.definition.raw["operationId"]
    if operation.endswith(("create_rollback", "validate_rollback")):
        case.body = {**(case.body if isinstance(case.body, dict) else {}), "deployment_id": world.ids["deployment_id"]}
    if operation == "apps_restart" and number % 2:
        case.body = {"components": ["api"]}
    if operation in ("apps_update", "apps_create", "apps_validate_appSpec") and number % 3 == 0:
        name = "full" if operation == "apps_update" else f"other-{number}"
        case.body = {"spec": {**full_spec(), "name": name}}


def hold(operation: Any, mode: GenerationMode, world: World, examples: int, tally: Tally) -> str | None:
    """Send requests of one kind to an operation; what was wrong with the first answer that broke the contract."""
    name = operation.definition.raw["operationId"]
    count = 0

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(SEED)
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal count
        world.prepare(name)
        arranged(case, world, count, mode)
        count += 1
        response = case.call(base_url=str(world.client.base_url), headers={"authorization": "Bearer check"})
        tally.requests += 1
        tally.succeeded[name] += response.status_code == 200
        case.validate_response(response, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        return None  # nothing about the operation can be got wrong: it takes no parameters
    except (Failure, FailureGroup) as error:
        return told(error)
    return None


def told(error: BaseException) -> str:
    """What broke the contract, and in answer to what, on one line each."""
    found = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "".join(f"\n    {' '.join(str(one).split())[:500]}" for one in found)


def needed(erratum: Erratum, files: list[Path], world: World) -> str | None:
    """An erratum without which no answer breaks the contract is stale."""
    for path in files:
        document = json.loads(path.read_text(encoding="utf-8"))
        for other in ERRATA:
            if other is not erratum:
                other.correct(document)
        operation = schemathesis.openapi.from_dict(document)["/v2/apps/{id}"]["GET"]
        case = operation.Case(path_parameters={"id": world.ids["app_id"]})
        response = case.call(base_url=str(world.client.base_url), headers={"authorization": "Bearer check"})
        try:
            case.validate_response(response, checks=CHECKS)
        except (Failure, FailureGroup):
            return None
    return f"stale: {erratum.reason}"


def unauthorized(operation: Any, world: World) -> str | None:
    """An answer to a request without a token: 401, as described."""
    case = operation.Case(
        path_parameters={name: world.ids[name] for name in world.ids if f"{{{name}}}" in operation.path}
    )
    response = case.call(base_url=str(world.client.base_url))
    try:
        case.validate_response(response, checks=CHECKS)
    except (Failure, FailureGroup) as error:
        return told(error)
    return None if response.status_code == 401 else f"{response.status_code} without a token"


def hold_file(path: Path, world: World, examples: int, tally: Tally) -> None:
    """Hold the sandbox against one description, its errata corrected."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for erratum in ERRATA:
        erratum.correct(document)
    schema = schemathesis.openapi.from_dict(document)
    tally.succeeded.clear()
    world.build()
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        name = operation.definition.raw["operationId"]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            tally.note(f"{path.name} {name} {mode.value}", hold(operation, mode, world, examples, tally))
        tally.note(f"{path.name} {name} unauthorized", unauthorized(operation, world))
        tally.note(f"{path.name} {name} success", None if tally.succeeded[name] else "never succeeded")
    print(f"{path.name}: {len(operations)} operations, {tally.requests} requests so far")


def main(folder: Path, examples: int = EXAMPLES) -> int:
    """Hold the sandbox against both files, print what broke, and how much was held."""
    warnings.simplefilter("ignore")
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place, served(Path(place)) as url:
        world = World(url, "check")
        world.build()
        for erratum in ERRATA:
            tally.note(erratum.name, needed(erratum, [folder / name for name in FILES], world))
        for name in FILES:
            hold_file(folder / name, world, examples, tally)
        world.client.close()
    for failure in tally.failures:
        print(failure)
    print(f"sandbox contract: {tally.requests} requests, {len(ERRATA)} errata, {time.monotonic() - began:.0f} s")
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:3])))
