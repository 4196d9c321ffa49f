"""The entry point: `reconcile`, and `python -m reconciler`.

Nothing heavy is imported above: whoever interrupts the command while it is still starting gets a word, too.
"""

import sys

_INTERRUPTED = 130


def main() -> int:
    """Run the command; the exit code is returned."""
    try:
        from reconciler.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("reconcile: interrupted; nothing was being changed\n")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
