// The points as uPlot wants them: one array per series, nulls where the line
// must break.
import type { Point, Value } from "./types";

export type Column = Value[];

export interface Columns {
  t: number[];
  rate: Column;
  errors: Column;
  p50: Column;
  p95: Column;
  p99: Column;
  bad: Column;
  ready: Column;
  starting: Column;
  up: Column; // ready and starting
  desired: Column;
  concurrency: Column;
  queue: Column;
  shadows: Column[]; // in the order of the names asked for
}

// shadowNames lists the shadows that have a wish in any of the points.
export function shadowNames(points: Point[]): string[] {
  const names = new Set<string>();
  let last: Point["shadows"];
  for (const p of points) {
    if (p.shadows && p.shadows !== last) for (const name of Object.keys((last = p.shadows))) names.add(name);
  }
  return [...names].sort();
}

// shortNames leaves out what stands in brackets where that leaves no two alike.
export function shortNames(names: string[]): string[] {
  const short = names.map((name) => name.split(" (")[0]!);
  return short.map((name, i) => (short.indexOf(name) === short.lastIndexOf(name) ? name : names[i]!));
}

// gapOf is after how many seconds without a point something is missing: three
// times what usually lies between two of them, but never less than least.
export function gapOf(points: Point[], least: number): number {
  const between = points.slice(1).map((p, i) => p.t - points[i]!.t).sort((a, b) => a - b);
  return Math.max(least, 3 * (between[between.length >> 1] ?? 0));
}

// columns turns points into arrays. Where nothing came for longer than gap
// seconds a row of nulls breaks the lines.
export function columns(points: Point[], gap: number, shadows: string[]): Columns {
  const c: Columns = {
    t: [], rate: [], errors: [], p50: [], p95: [], p99: [], bad: [], ready: [], starting: [], up: [], desired: [], concurrency: [], queue: [],
    shadows: shadows.map(() => []),
  };
  let before = Infinity;
  for (const p of points) {
    if (p.t - before > gap) push(c, before + 1, null, shadows);
    push(c, p.t, p, shadows);
    before = p.t;
  }
  return c;
}

function push(c: Columns, t: number, p: Point | null, shadows: string[]): void {
  c.t.push(t);
  c.rate.push(p?.rate ?? null);
  c.errors.push(p?.errors ?? null);
  c.p50.push(p?.p50 ?? null);
  c.p95.push(p?.p95 ?? null);
  c.p99.push(p?.p99 ?? null);
  c.bad.push(p?.violationRatio ?? null);
  c.ready.push(p?.ready ?? null);
  c.starting.push(p?.starting ?? null);
  c.up.push(p && p.ready !== null ? p.ready + (p.starting ?? 0) : null);
  c.desired.push(p?.desired ?? null);
  c.concurrency.push(p?.concurrency ?? null);
  c.queue.push(p?.queue ?? null);
  shadows.forEach((name, i) => c.shadows[i]!.push(p?.shadows?.[name] ?? null));
}

// indexAt returns the row at or just before t, -1 when all are later.
export function indexAt(times: number[], t: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// span returns the least and the greatest known value between two times.
export function span(times: number[], column: Column, from: number, to: number): [number, number] | null {
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < times.length; i++) {
    const v = column[i];
    if (v === null || v === undefined || times[i]! < from || times[i]! > to) continue;
    least = Math.min(least, v);
    most = Math.max(most, v);
  }
  return least <= most ? [least, most] : null;
}
