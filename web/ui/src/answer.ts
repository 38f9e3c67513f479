// The overview's one sentence: is anything in trouble, and what is Flyball
// doing about it; and which targets are listed in which order.
import { health, type Health } from "./health";
import { plural } from "./format";
import { settled } from "./modes";
import type { Target } from "./types";

export type Sort = "trouble" | "name" | "requests" | "replicas";
export type Show = "all" | "trouble" | "hands";

export const sorts: [Sort, string][] = [["trouble", "trouble first"], ["name", "name"], ["requests", "requests"], ["replicas", "replicas"]];
export const shows: [Show, string][] = [["all", "all"], ["trouble", "in trouble"], ["hands", "not applied"]];

export interface Listed {
  t: Target;
  h: Health;
}

const order: Health["level"][] = ["trouble", "warning", "waiting", "ok"];
const inTrouble = (l: Listed) => l.h.level === "trouble" || l.h.level === "warning";

export function judged(targets: Target[], now: number): Listed[] {
  return targets.map((target) => {
    const t = settled(target, now);
    return { t, h: health(t, now) };
  });
}

// listed chooses and sorts. Equals stay in the order of the document.
export function listed(all: Listed[], search: string, show: Show, sort: Sort): Listed[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((l) => {
    if (show === "trouble" && !inTrouble(l)) return false;
    if (show === "hands" && l.t.mode === "Apply") return false;
    const text = `${l.t.name} ${l.t.mode} ${l.t.policy} ${l.h.words}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
  return found.sort(by[sort]);
}

const by: Record<Sort, (a: Listed, b: Listed) => number> = {
  trouble: (a, b) => order.indexOf(a.h.level) - order.indexOf(b.h.level),
  name: (a, b) => a.t.name.localeCompare(b.t.name, "en", { numeric: true }),
  requests: (a, b) => (b.t.point?.rate ?? -1) - (a.t.point?.rate ?? -1),
  replicas: (a, b) => (b.t.point?.ready ?? -1) - (a.t.point?.ready ?? -1),
};

const mostNames = 4;

// trouble is the sentence; it names the worst.
export function trouble(all: Listed[]): { bad: number; words: string } {
  const bad = all.filter(inTrouble).sort(by.trouble);
  const one = all.length === 1;
  if (bad.length === 0) return { bad: 0, words: one ? "The target is all right." : `All ${all.length.toLocaleString("en")} targets are all right.` };
  const names = bad.slice(0, mostNames).map((l) => l.t.name).join(", ");
  const others = bad.length > mostNames ? ` and ${bad.length - mostNames} more` : "";
  return { bad: bad.length, words: `${bad.length} of ${all.length.toLocaleString("en")} ${one ? "target" : "targets"} in trouble: ${names}${others}.` };
}

// work says what Flyball does about it, over all targets.
export function work(all: Listed[]): string {
  const count = (is: (t: Target) => boolean) => all.filter((l) => is(l.t)).length;
  const applies = (t: Target) => t.mode === "Apply" && t.decision !== null;
  const adding = count((t) => applies(t) && t.decision!.to > t.decision!.from);
  const removing = count((t) => applies(t) && t.decision!.to < t.decision!.from);
  const waiting = count((t) => (t.point?.starting ?? 0) > 0);
  const paused = count((t) => t.mode === "Paused");
  const recommended = count((t) => t.mode === "Recommend");
  const parts = [
    adding > 0 && `adding replicas to ${adding}`,
    removing > 0 && `removing some from ${removing}`,
    waiting > 0 && `waiting for replicas of ${waiting} to start`,
  ].filter(Boolean);
  const idle = [paused > 0 && `${plural(paused, "target")} paused`, recommended > 0 && `${plural(recommended, "target")} only recommended for`].filter(Boolean);
  const does = parts.length === 0 ? "Flyball changes nothing at present" : `Flyball is ${parts.join(", ")}`;
  return `${does}${idle.length > 0 ? `; ${idle.join(", ")}` : ""}.`;
}
