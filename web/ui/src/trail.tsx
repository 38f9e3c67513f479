// The whole trail of a decision: what each signal proposed, what the policy
// made of it, what every guard said, what came of it.
import type { ComponentChildren } from "preact";
import { nbsp } from "./format";
import { Time } from "./notice";
import type { Decision, Step } from "./types";

export function Trail({ d, now }: { d: Decision; now: number }) {
  const r = d.recommendation;
  return (
    <table class="trail">
      <caption class="hidden">How the decision for {d.to} was made</caption>
      <tbody>
        {(r.proposals ?? []).map((p) => (
          <Row key={p.signal} kind="signal" name={p.signal} count={p.missing ? "–" : String(p.replicas)}>{p.reason.text}</Row>
        ))}
        <Row kind="policy" name={d.policy} count={String(r.replicas)} strong>
          {r.reason.text}{r.confidence > 0 && r.confidence < 1 && <span class="muted"> ({Math.round(r.confidence * 100)}{nbsp}% sure)</span>}
        </Row>
        {d.steps.map((s, i) => <Guard key={i} step={s} />)}
        <Row kind="decided" name={d.from === d.to ? "stay" : "change"} count={String(d.to)} strong><Outcome d={d} now={now} /></Row>
        {(d.shadows ?? []).map((s) => (
          <Row key={s.policy} kind="shadow" name={s.policy} count={String(s.replicas)}>{s.reason.text}</Row>
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  kind: string;
  name: string;
  count: string;
  children: ComponentChildren;
  strong?: boolean;
  held?: boolean;
}

function Row({ kind, name, count, children, strong, held }: RowProps) {
  return (
    <tr class={`${strong ? "strong" : ""} ${held ? "held" : ""}`}>
      <th scope="row"><span class="kind">{kind}</span> {name}</th>
      <td class="n">{count}</td>
      <td>{children}</td>
    </tr>
  );
}

function Guard({ step }: { step: Step }) {
  if (step.from === step.to) return <Row kind="guard" name={step.guard} count={String(step.to)}><span class="muted">ok</span></Row>;
  return <Row kind="guard" name={step.guard} count={`${step.from} → ${step.to}`} held><b>held</b>: {step.reason.text}</Row>;
}

// Outcome says what came of a decision.
export function Outcome({ d, now }: { d: Decision; now: number }) {
  if (d.applied?.error) return <span class="trouble">▲ could not be applied: {d.applied.error}</span>;
  if (d.applied) return <>applied at <Time t={d.applied.at} now={now} /></>;
  if (d.from === d.to) return <>there were {d.from}: nothing to do</>;
  return <>{d.mode === "Apply" ? "not applied yet" : `not applied: mode ${d.mode}`}</>;
}
