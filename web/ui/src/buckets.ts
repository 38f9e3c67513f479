// Live points come every second; a chart of many hours holds one for each
// step of seconds. Buckets merges them as the server does for what it sends:
// means of rates, the worst of latencies and queues, the last of counts.
import type { Point, Value } from "./types";

const means = ["rate", "errors", "concurrency", "p50"] as const;
const worst = ["p95", "p99", "queue"] as const;
const last = ["ready", "starting", "terminating", "desired"] as const;

export class Buckets {
  private seconds: Point[] = []; // of the step that is not over yet

  constructor(private step: number) {}

  // add appends a point, or replaces the newest one of the same second or
  // step. One from the past was loaded already.
  add(points: Point[], p: Point): void {
    const newest = points.at(-1);
    if (newest && p.t < newest.t) return;
    if (this.step <= 1) {
      if (newest?.t === p.t) points.pop();
      points.push(p);
      return;
    }
    const of = (t: number) => Math.floor(t / this.step);
    if (this.seconds.length > 0 && of(this.seconds[0]!.t) !== of(p.t)) this.seconds = [];
    if (this.seconds.at(-1)?.t === p.t) this.seconds.pop();
    this.seconds.push(p);
    if (newest && of(newest.t) === of(p.t)) points.pop();
    points.push(merge(this.seconds));
  }
}

export function merge(seconds: Point[]): Point {
  const newest = seconds.at(-1)!;
  const out: Point = { ...newest };
  for (const key of means) out[key] = mean(seconds.map((p) => p[key]));
  for (const key of worst) out[key] = most(seconds.map((p) => p[key]));
  for (const key of last) out[key] = seconds.findLast((p) => p[key] !== null)?.[key] ?? null;
  out.violationRatio = weighted(seconds);
  return out;
}

function mean(values: Value[]): Value {
  const known = values.filter((v) => v !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
}

function most(values: Value[]): Value {
  const known = values.filter((v) => v !== null);
  return known.length === 0 ? null : Math.max(...known);
}

// weighted is the share of bad requests, each request counting the same.
function weighted(seconds: Point[]): Value {
  let bad = 0;
  let all = 0;
  for (const p of seconds) {
    if (p.violationRatio === null || p.rate === null) continue;
    bad += p.violationRatio * p.rate;
    all += p.rate;
  }
  return all > 0 ? bad / all : most(seconds.map((p) => p.violationRatio));
}
