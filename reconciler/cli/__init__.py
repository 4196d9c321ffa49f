"""Arguments → engine → view → exit code. The only package that prints."""

from reconciler.cli.main import main

__all__ = ["main"]
