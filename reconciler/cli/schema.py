"""`reconcile schema`: JSON Schemas for editors and programs."""

import json
from typing import Annotated, Literal

from cyclopts import Parameter

from reconciler.cli.console import show
from reconciler.exit_codes import Exit


def schema(
    what: Annotated[
        Literal[
            "spec",
            "overlay",
            "config",
            "plan",
            "drift",
            "environments",
            "rollout",
            "previews",
            "findings",
            "error",
            "event",
        ],
        Parameter(help="what to describe"),
    ] = "spec",
) -> int:
    """Print a JSON Schema, for editors and for programs that read the JSON output."""
    match what:
        case "spec":
            from reconciler.appspec.schema import spec_schema

            document = spec_schema()
        case "overlay":
            from reconciler.appspec.schema import overlay_schema

            document = overlay_schema()
        case "config":
            from reconciler.config_file import config_schema

            document = config_schema()
        case "previews":
            from reconciler.views import previews

            document = previews.json_schema()
        case "event":
            from reconciler.telemetry import events

            document = events.json_schema()
        case "rollout":
            from reconciler.views import json_rollout

            document = json_rollout.json_schema()
        case _:
            from reconciler.views import json_documents

            document = json_documents.json_schema(what)
    show(json.dumps(document, indent=2, ensure_ascii=False))
    return Exit.OK
