"""Arguments -> reconcile -> view -> exit code. The only room that prints."""

from reconciler.cli.main import main

__all__ = ["main"]
