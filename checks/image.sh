#!/usr/bin/env bash
# Holds a built image to what docs/decisions/006-image.md says of it. Needs docker; takes the image's name.
set -euo pipefail
image=$1
run() { docker run --rm --read-only --network none --entrypoint "$1" --user 65532 "$image" "${@:2}"; }

run reconcile --version
for tool in cc gcc g++ make /opt/reconcile/bin/pip /opt/reconcile/bin/hatchling; do
  if run sh -c "command -v $tool"; then
    echo "the image holds $tool" >&2
    exit 1
  fi
done

# What a validation imports, the standard library included, is there as bytecode.
run python -c '
import os, sys
import reconciler.cli.check, reconciler.cli.commands
specs = [module.__spec__ for module in sys.modules.values() if getattr(module, "__spec__", None)]
missing = [spec.name for spec in specs if spec.cached and not os.path.exists(spec.cached)]
sys.exit(f"no bytecode of {missing}" if missing else 0)'

# Of the command alone, without what docker needs to start a container; the first run warms the page cache.
milliseconds=$(run python -c '
import subprocess, time
for _ in range(2):
    began = time.monotonic()
    subprocess.run(["reconcile", "--version"], check=True, capture_output=True)
print(round((time.monotonic() - began) * 1000))')
echo "reconcile --version takes $milliseconds ms inside the image"
test "$milliseconds" -lt 1000
