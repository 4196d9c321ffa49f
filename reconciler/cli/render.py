"""`reconcile render`: specs as they would be sent."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.console import Console, plain, show
from reconciler.cli.options import SpecFlags, run_options
from reconciler.errors import InvalidInput, UsageError
from reconciler.exit_codes import Exit
from reconciler.findings import has_errors

if TYPE_CHECKING:
    from reconciler.engine.load import RunOptions


def render(
    *apps: Annotated[str, Parameter(help="apps, by their names in the base or in the environment [default: all]")],
    specs: Annotated[tuple[Path, ...], Parameter(help="files and folders of app specs [default: specs/]")] = (),
    write: Annotated[bool, Parameter(help="write the renderings to files, and remove those of other apps")] = False,
    check: Annotated[bool, Parameter(help="write nothing; exit 2 if a file is out of date")] = False,
    into: Annotated[
        Path | None, Parameter(help="folder of the renderings [default: rendered/ENVIRONMENT beside reconcile.yaml]")
    ] = None,
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), help="print where each value is written")] = False,
    source: SpecFlags = SpecFlags(),
) -> int:
    """Print specs exactly as they would be sent, secrets hidden: base, overlays and variables combined.

    The output is stable, so that it can be reviewed and compared. With `--write` it goes to files, which `--check`
    holds against what would be rendered now.
    """
    from reconciler.engine.load import check as checked
    from reconciler.engine.load import each

    if write and check:
        raise UsageError("--write and --check cannot be combined")
    console, wrong, shown = Console(vital=True), [], []
    options = run_options(specs, replace(source, app=(*source.app, *apps)))
    environments = each(options)
    if write or check:
        _refuse_part(options, into, len(environments))
    for one in environments:
        desired = checked(one)
        console.keep_secret(desired.secrets)
        if has_errors(desired.findings):
            raise InvalidInput(desired.findings)
        from reconciler.desired.rendering import HEADER, rendered

        sources = desired.sources if verbose else None
        texts = {f"{app.name}.yaml": rendered(app, sources) for app in desired.apps}
        if not (write or check):
            shown += [f"# {one.environment}/{name}\n{text}" if not apps else text for name, text in texts.items()]
            continue
        folder = into or desired.folder / "rendered" / one.environment
        wrong += _files(folder, {name: HEADER + text for name, text in texts.items()}, write=write)
    if shown:
        show(plain("---\n".join(shown).rstrip("\n")))
    return Exit.DIFFERENCES if check and wrong else Exit.OK


def _refuse_part(options: "RunOptions", into: Path | None, environments: int) -> None:
    """Refuse to write what is not whole: the files of apps that were not selected would be removed.

    Raises:
        UsageError: only some apps are selected, or one folder is given for several environments.
    """
    if not options.whole:
        hint = "omit the app names, --app, --exclude, --only-changed and --shard"
        raise UsageError("--write and --check concern every app", hint=hint)
    if into and environments > 1:
        raise UsageError("--into is the folder of one environment", hint="omit it, or name one with --env")


def _files(folder: Path, texts: dict[str, str], *, write: bool) -> list[str]:
    """Write or compare the files of one environment; returns those that differ."""
    from reconciler.desired import rendering

    names = rendering.outdated(folder, texts)
    if write:
        rendering.write(folder, texts, names)
    for name in names:
        done = ("written" if name in texts else "removed") if write else "is out of date"
        show(plain(f"{folder / name} {done}"))
    unchanged = len(texts) - sum(name in texts for name in names)
    show(plain(f"{folder}: {unchanged} unchanged, {len(names)} {'changed' if write else 'out of date'}"))
    return names
