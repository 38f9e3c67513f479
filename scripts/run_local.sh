#!/usr/bin/env sh
# Trains a policy in the simulator and draws its curves, with nothing installed but
# Go (or a flyball that is in the PATH):
#
#   scripts/run_local.sh [--episodes 200] [any flag of flyball train]
#
# Files are looked for and written where it is called.
set -eu
if command -v flyball >/dev/null 2>&1; then
  flyball=flyball
else
  command -v go >/dev/null 2>&1 || { echo "run_local: needs flyball or go (https://go.dev/dl)" >&2; exit 1; }
  root=$(cd "$(dirname "$0")/.." && pwd)
  (cd "$root" && mkdir -p bin && CGO_ENABLED=0 go build -trimpath -o bin/flyball ./cmd/flyball)
  flyball=$root/bin/flyball
fi
[ $# -gt 0 ] || set -- --episodes 2000
out=flyball-training before=
for word; do
  [ "$before" != --out ] || out=$word
  case $word in --out=*) out=${word#--out=} ;; esac
  before=$word
done
"$flyball" train "$@"
[ ! -e "$out/model.flyball" ] || # --env cartpole makes none
  "$flyball" train --visualize "$out/model.flyball" --trace shape:flash-crowd --out "$out"
