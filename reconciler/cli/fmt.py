"""`reconcile fmt`: formats spec files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reconciler.cli.console import plain, redactor, say, show
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, ranked


def fmt(
    *paths: Annotated[Path, Parameter(help="files and folders of specs [default: specs/ and overlays]")],
    check: Annotated[bool, Parameter(help="write nothing; exit 2 if a file would change")] = False,
) -> int:
    """Format spec files and overlays: order of fields, indentation, quotes. Comments stay, and so does the meaning.

    JSON files and invalid YAML are left as they are; the latter is reported, with exit 3.
    """
    from reconciler.desired.files import find_specs

    findings: list[Finding] = []
    files = find_specs(paths or default_paths(), findings)
    changed = [file for file in files if _formatted(file, findings, write=not check)]
    for file in changed:
        show(plain(f"{'would change' if check else 'formatted'} {file}"))
    if findings:
        from reconciler.views import lines

        say(redactor()(lines.findings(ranked(findings))))
    wrong = {finding.location.file for finding in findings if finding.is_error and finding.location}
    broken = sum(str(file) in wrong for file in files)
    counts = [
        f"{len(changed)} {'to format' if check else 'formatted'}",
        f"{len(files) - len(changed) - broken} unchanged",
        *([f"{broken} with errors"] if broken else []),
    ]
    show(", ".join(counts))
    if any(finding.is_error for finding in findings):
        return Exit.INVALID
    return Exit.DIFFERENCES if check and changed else Exit.OK


def default_paths() -> tuple[Path, ...]:
    """The folder of specs, and the overlays that `reconcile.yaml` names.

    Raises:
        InvalidInput: the configuration cannot be used.
    """
    from reconciler.config_file import read_config
    from reconciler.environments import environment_of

    specs = Path("specs")
    file = read_config(None, (specs,))
    owns = (environment_of(file.config, name) for name in file.config.environments)
    return (specs, *dict.fromkeys(file.folder / entry for own in owns for entry in own.overlays))


def _formatted(file: Path, findings: list[Finding], *, write: bool) -> bool:
    """Whether a file needs formatting; its problems are added to the findings."""
    from reconciler.desired.export import rewrite
    from reconciler.desired.format import format_text
    from reconciler.desired.reading import parse_specs, unrelated
    from reconciler.errors import InvalidInput
    from reconciler.yamltext import read_text

    try:
        text = read_text(file, str(file))
    except InvalidInput as error:
        findings += error.findings
        return False
    documents, problems = parse_specs(text, str(file))
    if any(unrelated(document.data, file.name) for document in documents):
        return False
    if wrong := [finding for finding in problems if finding.is_error]:
        findings += wrong
        return False
    formatted = format_text(text)
    if formatted == text:
        return False
    if write:
        rewrite(file, formatted)
    return True
