#!/usr/bin/env bash
# Writes the three lock files from pyproject.toml: hashes, no index and no host names. Needs uv.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { # FILE ARGS…
  local out=$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header pyproject.toml "$@" -o "$out"
}
extras=(--extra metrics --extra notify --extra otel --extra report --extra sandbox)
lock requirements.lock "${extras[@]}"
lock requirements-dev.lock "${extras[@]}" --group dev -c requirements.lock
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --group build -c requirements-dev.lock -o requirements-build.lock
