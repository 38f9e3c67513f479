// Modes in words: what each does, and what changing to it will do. Whoever
// presses the button should know beforehand.
import { age, nbsp, plural, when } from "./format";
import type { Mode, Override, Target } from "./types";

export interface Wish {
  mode: Mode | "document"; // document: end what was set by hand
  until: number | null;
}

export const modes: { mode: Mode; does: string }[] = [
  { mode: "Apply", does: "decides and scales" },
  { mode: "Recommend", does: "decides and shows, never scales" },
  { mode: "Paused", does: "decides and shows, never scales, until resumed" },
];

// pauses are how long a pause may last.
export const pauses = [
  { key: "15m", name: "15 min", seconds: 900 },
  { key: "1h", name: "1 h", seconds: 3600 },
  { key: "until", name: "until a time", seconds: 0 },
  { key: "open", name: "until resumed", seconds: 0 },
] as const;

export type Pause = (typeof pauses)[number]["key"];

// title is the question that the dialog asks.
export function title(name: string, wish: Wish): string {
  if (wish.mode === "document") return `Give ${name} back to its document?`;
  return { Apply: `Let Flyball scale ${name}?`, Recommend: `Only recommend for ${name}?`, Paused: `Pause ${name}?` }[wish.mode];
}

// verb is what the button says.
export function verb(t: Target, wish: Wish): string {
  if (wish.mode === "document") return t.mode === "Paused" ? `Resume: ${t.documentMode}` : `Back to ${t.documentMode}`;
  return { Apply: "Apply decisions", Recommend: "Only recommend", Paused: "Pause" }[wish.mode];
}

// effects are the sentences that say what will happen.
export function effects(t: Target, wish: Wish, now: number): string[] {
  const mode = wish.mode === "document" ? t.documentMode : wish.mode;
  const same = mode === t.mode && wish.mode !== "document" && !(mode === "Paused" && wish.until !== (t.override?.until ?? null));
  if (same && t.override === null && wish.mode === t.documentMode) return [`${t.name} is in this mode already: nothing will change.`];
  return [now_(t, mode), lasts(t, wish, now), `The log of ${t.name} will show that you did it.`];
}

// now_ says what becomes of the count.
function now_(t: Target, mode: Mode): string {
  const there = t.point?.ready == null ? "as many replicas as there are" : plural((t.point.ready ?? 0) + (t.point.starting ?? 0), "replica");
  if (mode !== "Apply") {
    return `Flyball goes on deciding and showing why, but changes nothing: it stays at ${there}, however the load moves. A replica that ends is still replaced where the target does so itself.`;
  }
  const d = t.decision;
  const next = d && d.to !== d.from ? ` By the newest decision it would go from ${d.from} to ${d.to} at once.` : " By the newest decision there is nothing to change at once.";
  return `Flyball carries its decisions out again, at the next one, ${t.sync > 0 ? `within ${age(t.sync)}` : "soon"}.${next} No cooldown was started meanwhile.`;
}

function lasts(t: Target, wish: Wish, now: number): string {
  if (wish.mode === "document") return `What was set by hand ends. From then on the document alone says: ${t.documentMode}.`;
  if (wish.mode === "Paused" && wish.until !== null) return `The pause ends by itself at ${when(wish.until, now)}, in ${age(wish.until - now)}; then the document says again: ${t.documentMode}.`;
  return `It holds until somebody changes it here or with flyball pause and resume, also over a restart and a reload of the document, which says ${t.documentMode}.`;
}

// settled is a target whose override is gone once its time is over. The
// server says no word at that instant, and may not be there any more.
export function settled(t: Target, now: number): Target {
  const o = t.override;
  if (o === null || o.until === null || now < o.until) return t;
  return { ...t, override: null, mode: t.mode === o.mode ? t.documentMode : t.mode };
}

// standing says of a mode set by hand who did it, since when and for how long
// still.
export function standing(o: Override, now: number): { what: string; left: string } {
  const what = { Apply: "Set to Apply", Recommend: "Set to Recommend", Paused: "Paused" }[o.mode];
  if (o.until === null) return { what, left: "until somebody ends it" };
  const left = Math.max(0, o.until - now);
  return { what, left: `until ${when(o.until, now)}, ${left < 60 ? `${Math.ceil(left)}${nbsp}s` : age(left)} left` };
}

export function idleWords(mode: Mode): string {
  return mode === "Paused" ? "paused: not applied" : `${mode}: not applied`;
}
