// Numbers, durations and times in words. Units are always there, joined by a
// no-break space so that they never part from their number.
import type { Value } from "./types";

export const nbsp = "\u00a0";
export const none = "–";

// short writes a number with three significant digits and k, M, G.
export function short(v: Value): string {
  if (v === null || !Number.isFinite(v)) return none;
  const size = Math.abs(v);
  if (size < 1000) return trim(size >= 100 || Number.isInteger(v) ? v.toFixed(0) : v.toPrecision(size < 0.1 ? 2 : 3));
  const step = size < 999_500 ? 1 : size < 999_500_000 ? 2 : 3;
  return trim((v / 1000 ** step).toPrecision(3)) + nbsp + ["", "k", "M", "G"][step];
}

function trim(text: string): string {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

export function exact(v: Value, unit = ""): string {
  if (v === null) return "not measured";
  return v.toLocaleString("en", { maximumSignificantDigits: 8 }) + (unit && nbsp + unit);
}

export function perSecond(v: Value): string {
  return v === null ? none : short(v) + "/s";
}

// latency writes seconds as ms or s with three significant digits.
export function latency(v: Value): string {
  if (v === null) return none;
  if (v < 0.9995) {
    const ms = v * 1000;
    return trim(ms >= 99.95 ? ms.toFixed(0) : ms.toPrecision(ms >= 9.995 ? 3 : 2)) + nbsp + "ms";
  }
  return v >= 99.95 ? duration(v) : trim(v.toPrecision(3)) + nbsp + "s";
}

// duration writes a span of time with its two largest units.
export function duration(seconds: number): string {
  if (seconds < 1) return seconds <= 0 ? `0${nbsp}s` : latency(seconds);
  if (seconds < 10) return trim(seconds.toFixed(1)) + nbsp + "s";
  const s = Math.round(seconds);
  const parts: [number, string][] = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex(([n]) => n > 0);
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => n + nbsp + unit).join(" ");
}

// age writes a span in its largest unit; it changes seldom, so a column of
// ages stays calm.
export function age(seconds: number): string {
  if (seconds < 60) return Math.max(0, Math.floor(seconds)) + nbsp + "s";
  if (seconds < 3600) return Math.floor(seconds / 60) + nbsp + "min";
  if (seconds < 2 * 86400) return Math.floor(seconds / 3600) + nbsp + "h";
  return Math.floor(seconds / 86400) + nbsp + "d";
}

export function ago(seconds: number): string {
  return seconds < 1 ? "now" : `${age(seconds)} ago`;
}

// share writes a share as a percentage, cut and not rounded: 99.996 % must not
// read as 100 %.
export function share(v: Value, digits = 2): string {
  if (v === null) return none;
  const scale = 10 ** digits;
  return trim((Math.floor(v * 100 * scale + 1e-7) / scale).toFixed(digits)) + nbsp + "%";
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export function clock(t: number): string {
  return clockFormat.format(t * 1000);
}

export function day(t: number): string {
  return dayFormat.format(t * 1000);
}

// when is the time of day, with the day when it is not today's.
export function when(t: number, now: number): string {
  if (yearFormat.format(t * 1000) === yearFormat.format(now * 1000)) return clock(t);
  const far = Math.abs(now - t) > 300 * 86_400;
  return `${far ? yearFormat.format(t * 1000) : day(t)} ${clock(t)}`;
}

// between names two instants; the day is said once where it is the same.
export function between(from: number, to: number, now: number): string {
  if (day(from) === day(to)) return `${when(from, now)} – ${clock(to)}`;
  return `${day(from)} ${clock(from)} – ${day(to)} ${clock(to)}`;
}

// offset is the reader's distance from UTC at t.
export function offset(t: number): string {
  const minutes = -new Date(t * 1000).getTimezoneOffset();
  const abs = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, "0");
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}

// fullTime is the instant without any doubt, for tooltips.
export function fullTime(t: number): string {
  const d = new Date(t * 1000);
  const local = new Date(t * 1000 - d.getTimezoneOffset() * 60_000);
  return `${local.toISOString().slice(0, 23).replace("T", " ")} ${offset(t)}`;
}

export function plural(n: number, one: string, many = one + "s"): string {
  return `${n}${nbsp}${n === 1 ? one : many}`;
}
