// The window of time that a page shows: the last hour or so, which moves with
// the clock, or two instants of the past.
import type { Query } from "./routes";

export interface Span {
  from: number;
  to: number;
}

// Window is live when it ends now: from then only its span, or its beginning,
// is fixed.
export type Window =
  | { is: "live"; span: number }
  | { is: "since"; from: number }
  | { is: "past"; from: number; to: number };

export const presets = [
  { span: 900, key: "15m", name: "15 min" },
  { span: 3600, key: "1h", name: "1 h" },
  { span: 10_800, key: "3h", name: "3 h" },
  { span: 86_400, key: "24h", name: "24 h" },
  { span: 604_800, key: "7d", name: "7 d" },
  { span: 2_592_000, key: "30d", name: "30 d" },
] as const;

export const usual: Window = { is: "live", span: 900 };

// usualAt is the usual window where time runs faster: it passes in a minute of
// the reader at least.
export function usualAt(speed: number): Window {
  const span = presets.find((p) => p.span >= 60 * speed)?.span ?? presets.at(-1)!.span;
  return span > 900 ? { is: "live", span } : usual;
}

// windowOf reads ?span= or ?from=&to=; what makes no sense is the usual one.
export function windowOf(query: Query): Window {
  const from = instant(query.from);
  const to = instant(query.to);
  if (from !== null && to !== null && from < to) return { is: "past", from, to };
  if (from !== null && !query.to) return { is: "since", from };
  const preset = presets.find((p) => p.key === query.span);
  return preset ? { is: "live", span: preset.span } : usual;
}

export function queryOf(w: Window): Query {
  if (w.is === "past") return { from: rfc3339(w.from), to: rfc3339(w.to) };
  if (w.is === "since") return { from: rfc3339(w.from) };
  const key = presets.find((p) => p.span === w.span)?.key ?? "";
  return { span: w.span === 900 ? "" : key };
}

export const isLive = (w: Window) => w.is !== "past";

export function spanOf(w: Window, now: number): number {
  if (w.is === "live") return w.span;
  return Math.max(1, (w.is === "past" ? w.to : now) - w.from);
}

export function bounds(w: Window, now: number): Span {
  if (w.is === "past") return { from: w.from, to: w.to };
  return { from: now - spanOf(w, now), to: now };
}

// A chart is seldom wider than this many pixels; more points only cost time.
const mostPoints = 1500;

// stepFor is how many seconds one point stands for: a number that clocks know.
export function stepFor(span: number): number {
  return steps.find((s) => span / s <= mostPoints) ?? 86_400;
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600];

// shifted is the window half its width earlier (-1) or later (1). What would
// end in the future is live.
export function shifted(w: Window, by: -1 | 1, now: number): Window {
  const { from, to } = bounds(w, now);
  const half = Math.max(30, Math.round((to - from) / 2));
  const past: Window = { is: "past", from: Math.round(from) + by * half, to: Math.round(to) + by * half };
  return past.to >= now ? { is: "live", span: nearest(to - from) } : past;
}

function nearest(span: number): number {
  return presets.reduce((best, p) => (Math.abs(p.span - span) < Math.abs(best - span) ? p.span : best), 900);
}

// around is a window of the past with an instant in its middle, or the usual
// one while the instant is near.
export function around(t: number, now: number, half = 450): Window {
  return t > now - 2 * half ? usual : { is: "past", from: Math.round(t - half), to: Math.round(t + half) };
}

export function instant(text: string | undefined): number | null {
  const ms = text ? Date.parse(text) : NaN;
  return Number.isFinite(ms) ? ms / 1000 : null;
}

export function rfc3339(t: number): string {
  return new Date(Math.round(t) * 1000).toISOString().replace(".000", "");
}

// localInput writes an instant as <input type="datetime-local"> wants it, in
// the reader's zone; fromLocalInput reads it back.
export function localInput(t: number): string {
  const zone = new Date(t * 1000).getTimezoneOffset() * 60;
  return new Date(Math.round(t - zone) * 1000).toISOString().slice(0, 19);
}

export const fromLocalInput = (text: string): number | null => instant(text);

// fault says what is wrong with a window that somebody typed, null when
// nothing is.
export function fault(from: number | null, to: number | null, now: number): string | null {
  if (from === null) return "From: say a day and a time.";
  if (from >= now) return "From lies in the future: nothing has happened yet.";
  if (to !== null && to <= from) return "To must be later than From.";
  return null;
}
