// The two questions of an operator in words: is anything in trouble, and what
// is Flyball doing about it.
import { age, duration, nbsp, plural, share } from "./format";
import type { Decision, Objective, Target } from "./types";

// Health is how a target is, worst first in levels.
export interface Health {
  level: "trouble" | "warning" | "waiting" | "ok";
  words: string;
}

export function staleFor(t: Target, now: number): number {
  const silent = now - t.reportAt;
  return t.reportAt > 0 && silent > t.staleAfter ? silent : 0;
}

export function health(t: Target, now: number): Health {
  if (t.reportAt === 0 && t.faults.length === 0) return { level: "waiting", words: "no measurement yet" };
  if (staleFor(t, now) > 0) return { level: "trouble", words: "no report any more" };
  const fault = t.faults[0];
  if (fault?.from === "executor") return { level: "trouble", words: "the decided count cannot be applied" };
  if (fault) return { level: "trouble", words: `${fault.from} cannot be read` };
  const o = t.objective;
  if (o && !o.met) return { level: "trouble", words: "objective broken" };
  if (t.conditions[0]) return { level: "warning", words: t.conditions[0].type };
  if (atRisk(o)) return { level: "warning", words: "objective at risk" };
  return { level: "ok", words: o ? "objective met" : "no objective stated" };
}

// atRisk is true while the last minute alone would break the objective.
export function atRisk(o: Objective | null): boolean {
  return o !== null && o.met && o.recentGood !== null && o.recentGood < o.target;
}

// digitsFor shows enough digits to tell the share from what was promised.
export function digitsFor(target: number): number {
  const decimals = String(Number((target * 100).toPrecision(12))).split(".")[1]?.length ?? 0;
  return decimals + 1;
}

export function promise(o: Objective): string {
  return `${share(o.target, 6)} of requests under ${duration(o.threshold)}`;
}

// verdict says whether it is kept, how well and over which time.
export function verdict(o: Objective): string {
  if (o.good === null) return "met: no requests yet";
  const words = `${o.met ? "met" : "broken"}: ${share(o.good, digitsFor(o.target))} (${over(o)})`;
  return atRisk(o) ? `${words}, last minute ${share(o.recentGood, digitsFor(o.target))}` : words;
}

// measured is the verdict without its word, beside the share that was promised.
export function measured(o: Objective): string {
  const good = o.good === null ? "no requests yet" : `${share(o.good, digitsFor(o.target))} good`;
  return `${good}, ${share(o.target, 6)} promised (${over(o)})`;
}

// over is the time that was judged: the window, or as much of it as was seen.
function over(o: Objective): string {
  return o.covered < o.window * 0.99 ? `first ${age(Math.max(1, o.covered))} of ${duration(o.window)}` : duration(o.window);
}

// isHeld is true where a guard allowed another number than was wanted: the
// filter "held" of the server says the same. Without data nothing was wanted.
export function isHeld(d: Decision): boolean {
  return !d.noData && d.to !== d.recommendation.replicas;
}

// doing says what the newest decision means for the target.
export function doing(t: Target): string {
  const d = t.decision;
  if (!d) return "no decision yet";
  const [add, remove, idle] = d.mode === "Apply" ? ["adding", "removing", ""] : ["would add", "would remove", ` (${d.mode}: not applied)`];
  if (d.to !== d.from) return `${d.to > d.from ? add : remove} ${Math.abs(d.to - d.from)}: ${d.from}${nbsp}→${nbsp}${d.to}${idle}`;
  const starting = t.point?.starting ?? 0;
  if (starting > 0) return `waiting for ${plural(starting, "replica")} to start`;
  if (d.to >= t.max && t.max > 0 && t.objective && !t.objective.met) return `at the maximum of ${t.max}`;
  return `staying at ${d.to}`;
}
