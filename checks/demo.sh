#!/usr/bin/env bash
# The main job on the embedded sandbox: plan, apply, in sync, break one app, watch it be rolled back.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R specs reconcile.yaml "$work"
cd "$work"
export NO_COLOR=1
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }
expect() { # EXIT-CODE COMMAND…
  local want=$1 got=0
  shift
  say "$@"
  "$@" || got=$?
  [ "$got" -eq "$want" ] || { echo "demo: expected exit $want, got $got" >&2; exit 1; }
  echo "(exit $got)"
}

run reconcile --plan --sandbox
expect 0 reconcile --sandbox
expect 0 reconcile --sandbox
sed -i.bak 's/value: info/value: debug/' specs/shop.yaml
run reconcile sandbox fail shop health
expect 4 reconcile --sandbox
expect 6 reconcile --sandbox
printf '\nThe demo ended well: applied, in sync, broken, rolled back, not tried again.\n'
