// What an advisor said, in words.
import { latency, nbsp, plural } from "./format";
import type { Advice, Advised, FlyballEvent } from "./types";

// who is the name of an advisor without what tells its settings apart.
export const who = (from: string): string => from.split(" #")[0] ?? from;

// answeredBy names those who were asked lately.
export function answeredBy(advice: Advice): string {
  const names = [...new Set(advice.newest.flatMap((e) => (e.advised ? [who(e.advised.from)] : [])))];
  return names.length > 0 && names.length < 3 ? names.join(" and ") : "a language model";
}

const occasions: Record<string, string> = {
  "first-look": "nothing was asked before",
  "regime-change": "the load is another than expected",
  violations: "the objective is missed again and again",
  disagreement: "policies disagree",
  periodic: "it was time",
};

// asked says why, also on occasions of a newer server.
export const asked = (occasion = ""): string => occasions[occasion] ?? (occasion.replaceAll("-", " ") || "it was time");

// said is what was advised.
export function said(a: Advised): string {
  if (a.replicas !== undefined) return plural(a.replicas, "replica");
  const way = (a.direction ?? 0) > 0 ? "grow" : (a.direction ?? 0) < 0 ? "shrink" : "no change";
  return [way, ...(a.thresholds ?? []).map((t) => `${boundary(t.name)}${nbsp}${latency(t.value)}`)].join(", ");
}

// boundary is the name of a threshold: latencyP95.up.
function boundary(name: string): string {
  const [what = name, side] = name.split(".");
  const words = what.replace(/([a-z])([A-Z])/g, "$1 $2").replace("latency P95", "p95");
  return side === "up" ? `more above ${words}` : side === "down" ? `fewer below ${words}` : words;
}

// newestValid is the newest advice that may still be used.
export function newestValid(newest: FlyballEvent[], now: number): Advised | null {
  return newest.find((e) => e.advised && !e.advised.error && (e.advised.expires ?? 0) > now)?.advised ?? null;
}

export const tokens = (a: Advised): string => `${a.in} tokens read, ${a.out} written`;

// cost writes US dollars with two significant digits.
export function cost(dollars: number): string {
  if (dollars >= 1) return `$${dollars.toFixed(2)}`;
  return dollars < 0.0001 ? "under $0.0001" : `$${Number(dollars.toPrecision(2))}`;
}
