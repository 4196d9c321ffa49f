"""The command line: `reconcile` itself, and its commands, each imported only when it is called."""

from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from reconciler import __version__
from reconciler.cli.console import show
from reconciler.cli.run import reconcile
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit

HELP = """Declarative GitOps for DigitalOcean App Platform.

`reconcile` makes App Platform match the specs in Git: it validates them, compares them with what is live, applies
what differs, watches the deployments, and rolls back automatically when one fails. `reconcile plan` only shows what
it would do. Without a command, it runs `reconcile apply`; `--plan` and `--drift` do what those commands do.
"""

EPILOGUE = """Exit codes: 0 converged · 1 error · 2 differences (drift, plan --exit-code, fmt --check) ·
3 invalid specs · 4 failed and rolled back · 5 a person is needed · 6 stalled · 7 refused · 64 usage ·
130 interrupted"""


COMMANDS = {
    "plan": (
        "run:plan",
        """Show what apply would do; nothing is changed.

        The same as `reconcile --plan`.
        """,
    ),
    "apply": (
        "run:apply",
        """Make App Platform match the specs in Git: create and update, watch, roll back what fails.

        On a terminal, it shows the plan and asks first; `--yes` skips the question, and declining exits with 1.
        Pipelines are never asked.
        """,
    ),
    "drift": (
        "run:drift",
        """Compare App Platform with Git, and say who made each difference; exit 2 if there is one.

        The same as `reconcile --drift`.
        """,
    ),
    "validate": (
        "validate:validate",
        """Check app specs offline: all problems at once, each with its place and how to fix it.

        Needs no token, so pull requests from forks can run it.
        """,
    ),
    "import": (
        "importing:import_",
        """Write specs from live apps: defaults omitted, ciphertext kept.

        In an existing file, comments and order stay, and only changed values are written.
        """,
    ),
    "render": (
        "render:render",
        """Print specs exactly as they would be sent, secrets hidden: base, overlays and variables combined.

        `--write` writes them to files, and `--check` compares committed ones with what would be rendered now.
        """,
    ),
    "promote": (
        "promote:promote",
        """Write the tags, digests and commits that run healthy in one environment into Git's files for another.

        Shows the plan of the other environment; nothing is committed, pushed or applied.
        """,
    ),
    "preview": (
        "preview:app",
        """Preview apps for pull requests: derived from an app's spec, small, marked, and deleted with the pull request.

        `up`, `down`, `list` and `sweep`; only apps whose mark proves them to be previews are ever touched.
        """,
    ),
    "fmt": ("fmt:fmt", "Format specs: a fixed order of fields, two spaces, comments kept, same meaning."),
    "status": (
        "status:status",
        """Show the state of apps: their health, what is pinned or stalled, their last deployments and who made them.

        Exit 5 if one of them is pinned: a person is needed.
        """,
    ),
    "report": (
        "report:report",
        """Write a page of the fleet: its state, changes and who made them, timelines, cost, deployments.

        One self-contained file; nothing is changed. `--days 90` adds figures from the platform's own deployments.
        """,
    ),
    "rollback": (
        "rollback:rollback",
        """
        Roll an app back to an earlier deployment, check its health and commit; or commit or revert a pinned rollback.

        Afterwards the spec in Git counts as failed: it will not be applied again until it changes, or with `--retry`.
        """,
    ),
    "redeploy": (
        "rollback:redeploy",
        """
        Deploy apps again with the newest commit or image of every source; their specs stay as they are.

        Watched, judged and rolled back like any rollout. An app that differs from Git is refused: apply it instead.
        """,
    ),
    "notify": (
        "notify:app",
        """Send a test message to every channel in reconcile.yaml: `reconcile notify test`.

        Real messages follow `apply` and `drift` by themselves.
        """,
    ),
    "schema": ("schema:schema", "Print a JSON Schema, for editors and for programs that read the JSON output."),
    "sandbox": ("sandbox:app", "An embedded App Platform: rehearse rollouts, failures included."),
}
"""The words after `reconcile` that are commands, each with its function and its help; anything else names specs."""


COMPLETION = "Install completion for bash, zsh or fish."


def _worth_showing(default: object) -> str | None:
    """How help shows a default: not at all if it is empty."""
    return None if default in (False, (), "", None) else str(getattr(default, "value", default))


def build() -> App:
    """The command line."""
    app = App(
        name="reconcile",
        help=HELP,
        help_epilogue=EPILOGUE,
        version=__version__,
        default_parameter=Parameter(negative=(), show_default=_worth_showing),
        suppress_keyboard_interrupt=False,  # the output must name what is still running
    )
    app.default(reconcile)
    for name, (function, about) in COMMANDS.items():
        app.command(f"reconciler.cli.{function}", name=name, help=cleandoc(about))
    app.command("reconciler.cli.action:action", name="action", show=False)
    app.command("reconciler.cli.commands:install_completion", name="--install-completion", help=COMPLETION)
    return app


def install_completion(
    *,
    shell: Annotated[Literal["bash", "zsh", "fish"] | None, Parameter(help="your shell [default: detected]")] = None,
    output: Annotated[Path | None, Parameter(help="write the completion script to this file instead")] = None,
) -> int:
    """Install completion for bash, zsh or fish.

    Raises:
        UsageError: the shell cannot be detected.
    """
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = build().install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise UsageError("cannot detect your shell", hint="use --shell bash|zsh|fish") from None
    show(f"written to {path}" if output else f"written to {path}; it takes effect in new shells")
    return Exit.OK
