// What other policies would have done: their wish now, and how many replicas
// they would have had on average while the charts looked on.
import type { Point, Shadow, Target } from "./types";

export interface ShadowRow {
  policy: string;
  wish: Shadow | null; // null: none yet
  less: number | null; // what it wants beside what Flyball decided
  average: number | null; // wished for in the window
}

export function shadowRows(t: Target, points: Point[]): ShadowRow[] {
  const wishes = t.decision?.shadows ?? [];
  const names = [...new Set([...wishes.map((w) => w.policy), ...t.shadows])];
  return names.map((policy) => {
    const wish = wishes.find((w) => w.policy === policy) ?? null;
    return { policy, wish, less: wish && t.decision ? wish.replicas - t.decision.to : null, average: average(points, (p) => p.shadows?.[policy] ?? null) };
  });
}

export function average(points: Point[], of: (p: Point) => number | null): number | null {
  let sum = 0;
  let n = 0;
  for (const p of points) {
    const v = of(p);
    if (v === null) continue;
    sum += v;
    n++;
  }
  return n === 0 ? null : sum / n;
}
