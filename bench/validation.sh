#!/usr/bin/env bash
# Simulation against reality: the same demonstration with real processes and in
# the simulator, shape by shape. The table is the one of docs/validation.md.
# Takes DURATION (default 3m) for each shape; wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${DURATION:-3m}
peak=${PEAK:-200}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

go build -o "$out/flyball" ./cmd/flyball
field() { sed -n "s/^ *\"$1\": *\([^,]*\),*\$/\1/p" "$2" | head -n 1; }

printf '| shape | | requests | p50 ms | p95 ms | p99 ms | violations %% | replica-hours | actions |\n|---|---|---|---|---|---|---|---|---|\n'
for shape in ${SHAPES:-diurnal-flash step on-off flash-crowd}; do
	args=(demo --policy hpa --no-browser --listen 127.0.0.1:0 --json --shape "$shape" --duration "$duration" --peak-rps "$peak")
	"$out/flyball" "${args[@]}" >"$out/live" 2>"$out/log" || { cat "$out/log" >&2; exit 1; }
	"$out/flyball" "${args[@]}" --simulate >"$out/simulated"
	for how in live simulated; do
		awk -v shape="$shape" -v how="$how" -v requests="$(field requests "$out/$how")" -v p50="$(field latency_p50_seconds "$out/$how")" \
			-v p95="$(field latency_p95_seconds "$out/$how")" -v p99="$(field latency_p99_seconds "$out/$how")" \
			-v violations="$(field violation_ratio "$out/$how")" -v hours="$(field replica_hours "$out/$how")" -v actions="$(field scaling_actions "$out/$how")" \
			'BEGIN { printf "| %s | %s | %d | %.0f | %.0f | %.0f | %.2f | %.4f | %d |\n", shape, how, requests, 1000*p50, 1000*p95, 1000*p99, 100*violations, hours, actions }'
	done
done
