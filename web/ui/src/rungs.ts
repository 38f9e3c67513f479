// The way from wishes to the count, one rung each: what every signal proposed,
// what the policy made of it, what each guard said, and what was decided.
import { nbsp } from "./format";
import type { WholeDecision } from "./types";

export interface Rung {
  kind: "signal" | "policy" | "guard" | "decided" | "shadow";
  name: string;
  count: number | null; // null: no proposal
  before?: number; // where the rung changed the count
  words: string;
  sets?: boolean; // this rung set the final number
}

export function rungs(d: WholeDecision): Rung[] {
  const r = d.recommendation;
  const out: Rung[] = (r.proposals ?? []).map((p) => ({
    kind: "signal", name: p.signal, count: p.missing ? null : p.replicas, words: p.reason.text,
  }));
  const sure = r.confidence > 0 && r.confidence < 1 ? ` (${Math.round(r.confidence * 100)}${nbsp}% sure)` : "";
  out.push({ kind: "policy", name: d.policy, count: r.replicas, words: r.reason.text + sure, sets: d.setBy === "policy" });
  for (const s of d.steps) {
    const held = s.from !== s.to;
    out.push({
      kind: "guard", name: s.guard, count: s.to, words: held ? s.reason.text : "no objection",
      ...(held ? { before: s.from } : {}), sets: held && s.guard === d.setBy,
    });
  }
  return out;
}

export function shadowRungs(d: WholeDecision): Rung[] {
  return (d.shadows ?? []).map((s) => ({ kind: "shadow", name: s.policy, count: s.replicas, words: s.reason.text }));
}

// most is the largest count of all, at which bars end.
export function most(d: WholeDecision): number {
  const all = [...rungs(d), ...shadowRungs(d)].flatMap((r) => [r.count ?? 0, r.before ?? 0]);
  return Math.max(1, d.from, d.to, ...all);
}
