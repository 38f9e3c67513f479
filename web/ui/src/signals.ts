// Signals in words: name, value with its unit, and how far it may be trusted.
import { duration, latency, nbsp, none, perSecond, share, short } from "./format";
import type { Measured, Trust, Value } from "./types";

const units: Record<string, (v: Value) => string> = {
  requestRate: perSecond,
  errorRate: perSecond,
  latency: latency,
  diskReadRate: bytes,
  diskWriteRate: bytes,
  networkReceiveRate: bytes,
  networkTransmitRate: bytes,
  violationRatio: (v) => share(v),
  utilization: (v) => share(v, 1),
  cpuUtilization: (v) => share(v, 1),
  memoryUtilization: (v) => share(v, 1),
};

function bytes(v: Value): string {
  return v === null ? none : `${short(v)}${/[kMG]$/.test(short(v)) ? "" : nbsp}B/s`;
}

export function valueOf(m: Measured): string {
  if (m.trust === "absent") return none;
  return (units[m.name] ?? short)(m.value);
}

// quantiles of a latency; elsewhere they are not there.
export function quantilesOf(m: Measured): string {
  const parts = ([["p50", m.p50], ["p95", m.p95], ["p99", m.p99]] as const).filter(([, v]) => v !== undefined && v > 0);
  return parts.map(([name, v]) => `${name} ${latency(v!)}`).join(", ");
}

// trusts say what a state of trust means for the decision.
export const trusts: Record<Trust, { sign: string; means: string }> = {
  fresh: { sign: "●", means: "recent and plausible: it counts" },
  stale: { sign: "△", means: "older than allowed: no scale-down on it" },
  implausible: { sign: "▲", means: "recent but impossible: it does not count" },
  absent: { sign: "○", means: "never seen, or gone for long: it does not count" },
};

// ageOf is how old a value was at an instant.
export function ageOf(m: Measured, at: number): string {
  return m.at > 0 && m.trust !== "absent" ? duration(Math.max(0, Math.round((at - m.at) * 10) / 10)) : none;
}
