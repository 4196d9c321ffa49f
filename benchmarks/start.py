"""How quickly a command starts, against the imports that it cannot do without, measured side by side.

Prints the least CPU milliseconds of many processes each, and the ratios with their aims. Bytecode is kept, as in an
installation. Run by `make bench`.
"""

import sys
from pathlib import Path

from benchmarks.processes import side_by_side

ROUNDS = 15
PYTHON = [sys.executable, "-c"]
RECONCILE = [str(Path(sys.executable).with_name("reconcile"))]
PARSER = "a bare process with the argument parser"
LIBRARIES = "import pydantic, yaml"
MODEL = "the same, and a model of one field"
HELP = "the help of an app with one command, by the same parser"
COMMANDS = {
    PARSER: [*PYTHON, "import cyclopts"],
    LIBRARIES: [*PYTHON, "import pydantic, yaml"],
    MODEL: [*PYTHON, "import pydantic, yaml\nclass Model(pydantic.BaseModel):\n    field: int = 1\nModel()"],
    HELP: [*PYTHON, "import cyclopts; cyclopts.App(name='app', help='An app.')(['--help'])"],
    "reconcile --version": [*RECONCILE, "--version"],
    "reconcile --help": [*RECONCILE, "--help"],
    "reconcile validate ONE": [*RECONCILE, "validate", "specs/shop.yaml"],
}
# Reading a configuration takes a model: `import pydantic` alone imports nearly nothing of it until the first is made.
RATIOS = (
    ("reconcile --version", PARSER, 1.5),
    ("reconcile --help", PARSER, 1.5),
    ("reconcile --help", HELP, 1.5),
    ("reconcile validate ONE", LIBRARIES, 2.5),
    ("reconcile validate ONE", MODEL, 1.25),
)


def main() -> None:
    side_by_side(COMMANDS, 1)  # the first run writes the bytecode
    costs, _ = side_by_side(COMMANDS, ROUNDS)
    least = {name: min(cost.cpu for cost in found) * 1000 for name, found in costs.items()}
    print(f"start: the least CPU time of {ROUNDS} processes each")
    for name, milliseconds in least.items():
        print(f"{name:60}{milliseconds:>7.0f} ms")
    for name, floor, aim in RATIOS:
        print(f"{name} / {floor}: {least[name] / least[floor]:.2f} (aim {aim})")


if __name__ == "__main__":
    main()
