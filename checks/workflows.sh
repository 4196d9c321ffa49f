#!/usr/bin/env bash
# Checks the action, our workflows and the documented ones: their schemas, zizmor, hadolint. Takes the folder of the tools.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-.venv/bin}
ours=(.github/workflows/*.yml)
documented=(docs/workflows/*.yml)

"$bin/check-jsonschema" --builtin-schema vendor.github-actions action.yml
"$bin/check-jsonschema" --builtin-schema vendor.github-workflows "${ours[@]}" "${documented[@]}"
# By file: of a folder zizmor reads only what lies below .github/workflows.
"$bin/zizmor" --offline --no-progress --quiet --strict-collection --config .github/zizmor.yml "${ours[@]}" "${documented[@]}" action.yml
"$bin/hadolint" Dockerfile
