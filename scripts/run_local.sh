#!/usr/bin/env sh
# Trains a policy in the simulator and draws its curves, with nothing installed but
# Go (or a flyball that is in the PATH):
#
#   scripts/run_local.sh [--episodes 200] [any flag of flyball train]
set -eu
cd "$(dirname "$0")/.."
out=flyball-training
if command -v flyball >/dev/null 2>&1; then
  run() { flyball "$@"; }
else
  command -v go >/dev/null 2>&1 || { echo "run_local: needs flyball or go (https://go.dev/dl)" >&2; exit 1; }
  mkdir -p bin
  CGO_ENABLED=0 go build -trimpath -o bin/flyball ./cmd/flyball
  run() { bin/flyball "$@"; }
fi
[ $# -gt 0 ] || set -- --episodes 2000
run train "$@" --out "$out"
[ ! -e "$out/model.flyball" ] || # --env cartpole makes none
  run train --visualize "$out/model.flyball" --trace shape:flash-crowd --out "$out"
