// Live points come every second; a chart of many hours holds one for each
// step of seconds. Buckets merges them as the server does for what it sends:
// means of rates, the worst of latencies and queues, the last of counts.
//
// What the server sent of the step that is not over yet is one point that
// stands for all its seconds so far: at 10:00:40 a step of a minute holds 41
// of them, and a live second adds to these, weighing a forty-second part.
import type { Point, Value } from "./types";

const means = ["rate", "errors", "concurrency", "p50"] as const;
const worst = ["p95", "p99", "queue"] as const;
const last = ["ready", "starting", "terminating", "desired"] as const;

// Part is a point that stands for some seconds.
export interface Part {
  p: Point;
  seconds: number;
}

export class Buckets {
  private parts: Part[] = []; // of the step that is not over yet, oldest first

  constructor(private step: number) {}

  // add appends a point, or merges it into the newest one of the same step. Of
  // one second the newest counts. One from the past was loaded already.
  add(points: Point[], p: Point): void {
    const newest = points.at(-1);
    if (newest && p.t < newest.t) return;
    if (this.step <= 1) {
      if (newest?.t === p.t) points.pop();
      points.push(p);
      return;
    }
    const running = newest !== undefined && Math.floor(newest.t / this.step) === Math.floor(p.t / this.step);
    if (!running) this.parts = [];
    else if (this.parts.length === 0) this.parts = [{ p: newest, seconds: this.secondsOf(newest) }];
    this.forget(p.t);
    this.parts.push({ p, seconds: 1 });
    if (running) points.pop();
    points.push(merge(this.parts));
  }

  // secondsOf is how many seconds of its step a point of the server stands for.
  private secondsOf(p: Point): number {
    return Math.floor(p.t % this.step) + 1;
  }

  // forget takes away what was known of a second. In a point of the server it
  // is one of many and cannot be told from them: that weighs a second less.
  private forget(t: number): void {
    const newest = this.parts.at(-1);
    if (newest?.p.t !== t) return;
    newest.seconds--;
    if (newest.seconds === 0) this.parts.pop();
  }
}

export function merge(parts: Part[]): Point {
  const out: Point = { ...parts.at(-1)!.p };
  for (const key of means) out[key] = mean(parts, (p) => p[key]);
  for (const key of worst) out[key] = most(parts.map(({ p }) => p[key]));
  for (const key of last) out[key] = parts.findLast(({ p }) => p[key] !== null)?.p[key] ?? null;
  out.violationRatio = weighted(parts);
  return out;
}

// mean is that of the seconds in which a value is known.
function mean(parts: Part[], of: (p: Point) => Value): Value {
  let sum = 0;
  let all = 0;
  for (const { p, seconds } of parts) {
    const v = of(p);
    if (v === null) continue;
    sum += v * seconds;
    all += seconds;
  }
  return all === 0 ? null : sum / all;
}

function most(values: Value[]): Value {
  const known = values.filter((v) => v !== null);
  return known.length === 0 ? null : Math.max(...known);
}

// weighted is the share of bad requests, each request counting the same.
function weighted(parts: Part[]): Value {
  let bad = 0;
  let all = 0;
  for (const { p, seconds } of parts) {
    if (p.violationRatio === null || p.rate === null) continue;
    bad += p.violationRatio * p.rate * seconds;
    all += p.rate * seconds;
  }
  return all > 0 ? bad / all : mean(parts, (p) => p.violationRatio);
}
