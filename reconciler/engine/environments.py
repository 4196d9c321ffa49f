"""Runs that concern several environments: which there are, and the options for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.config_file import read_config
from reconciler.environments import ALL, environment_of
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.engine.load import RunOptions


def each(options: RunOptions) -> list[RunOptions]:
    """The options for the environment they name, or for each in turn; unchanged if the configuration has none.

    Raises:
        InvalidInput: the configuration cannot be used.
        UsageError: every environment is wanted, and there is none.
    """
    if options.environment not in ("", ALL):
        return [options]
    names = read_config(options.config, options.specs).config.environments
    if not names and options.environment:
        raise UsageError("--env all: there are no environments", hint="add `environments` to reconcile.yaml")
    return [replace(options, environment=name) for name in names] or [options]


def token_variable(options: RunOptions) -> str:
    """The variable with the token of the options' environment; empty for the usual one.

    Raises:
        InvalidInput: the configuration cannot be used.
    """
    config = read_config(options.config, options.specs).config
    known = options.environment in config.environments
    return environment_of(config, options.environment).token if known else ""
