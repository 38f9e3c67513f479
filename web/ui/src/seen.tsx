// What a decision was made on: each signal with its value, its age and how far
// it was trusted.
import { duration, exact, fullTime, plural } from "./format";
import { ageOf, quantilesOf, trusts, valueOf } from "./signals";
import type { Measured, Seen, WholeDecision } from "./types";

export function SeenTable({ d }: { d: WholeDecision }) {
  const seen = d.seen;
  if (!seen) return <p class="none">What was seen was not recorded for this decision.</p>;
  const signals = seen.signals ?? [];
  return (
    <>
      <p class="lead-line">{counts(seen)}</p>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="seen-title">
        <table class="seen">
          <thead>
            <tr><th scope="col">Signal</th><th scope="col" class="n">Value</th><th scope="col">Trust</th><th scope="col" class="n">Age</th><th scope="col" class="n wide">Mean over</th></tr>
          </thead>
          <tbody>
            {signals.map((m) => <Row key={m.name} m={m} at={d.at} />)}
            {signals.length === 0 && <tr><td colSpan={5} class="muted">No signal at all.</td></tr>}
          </tbody>
        </table>
      </div>
      {(seen.conditions ?? []).map((c) => (
        <p class="condition" key={`${c.type} ${c.message}`}><span class="trouble" aria-hidden="true">△</span> <b>{c.type}</b> {c.since > 0 && <span class="muted">for {duration(Math.max(0, d.at - c.since))}</span>}: {c.message}</p>
      ))}
    </>
  );
}

function counts(seen: Seen): string {
  const parts = [`${plural(seen.ready, "replica")} ready`];
  if (seen.starting > 0) parts.push(`${seen.starting} starting`);
  if (seen.terminating > 0) parts.push(`${seen.terminating} draining`);
  return parts.join(", ") + ".";
}

function Row({ m, at }: { m: Measured; at: number }) {
  const trust = trusts[m.trust];
  const quantiles = quantilesOf(m);
  return (
    <tr class={`trust-${m.trust}`}>
      <th scope="row">{m.name}{quantiles && <span class="muted quantiles">{quantiles}</span>}</th>
      <td class="n" title={m.trust === "absent" ? "" : exact(m.value)}><b>{valueOf(m)}</b></td>
      <td title={trust.means}><span aria-hidden="true">{trust.sign}</span> {m.trust}<span class="hidden">: {trust.means}</span></td>
      <td class="n" title={m.at > 0 ? fullTime(m.at) : ""}>{ageOf(m, at)}</td>
      <td class="n wide">{m.window ? duration(m.window) : "–"}</td>
    </tr>
  );
}
