// The rungs drawn: a number, a bar as long as the number, and words. The thin
// upright line is the count that there was.
import { most, rungs, shadowRungs, type Rung } from "./rungs";
import { Outcome } from "./trail";
import type { WholeDecision } from "./types";

export function Ladder({ d, now }: { d: WholeDecision; now: number }) {
  const longest = most(d);
  const bar = (count: number | null, kind: string, before?: number) => <Bar count={count} before={before ?? null} was={d.from} longest={longest} kind={kind} />;
  const shadows = shadowRungs(d);
  return (
    <table class="ladder">
      <caption class="hidden">How the decision for {d.to} was made, there were {d.from}</caption>
      <tbody>
        {rungs(d).map((r, i) => <Row key={i} r={r} bar={bar(r.count, r.kind, r.before)} />)}
        <tr class="of-decided">
          <th scope="row"><span class="kind">decided</span> {d.from === d.to ? "stay" : "change"}</th>
          <td class="n">{d.to}</td>
          <td class="bar">{bar(d.to, "decided")}</td>
          <td><Outcome d={d} now={now} /></td>
        </tr>
      </tbody>
      {shadows.length > 0 && (
        <tbody class="beside">
          {shadows.map((r, i) => <Row key={i} r={r} bar={bar(r.count, r.kind)} />)}
        </tbody>
      )}
    </table>
  );
}

function Row({ r, bar }: { r: Rung; bar: preact.ComponentChildren }) {
  return (
    <tr class={`of-${r.kind} ${r.before === undefined ? "" : "held"} ${r.sets ? "sets" : ""}`}>
      <th scope="row"><span class="kind">{r.kind}</span> {r.name}</th>
      <td class="n">{r.before === undefined ? "" : <span class="muted">{r.before} → </span>}{r.count ?? "–"}</td>
      <td class="bar">{bar}</td>
      <td class={r.words === "no objection" ? "muted" : ""}>{r.before !== undefined && <b>held: </b>}{r.words}{r.sets && <span class="tag set">set the number</span>}</td>
    </tr>
  );
}

interface BarProps {
  count: number | null;
  before: number | null;
  was: number;
  longest: number;
  kind: string;
}

function Bar({ count, before, was, longest, kind }: BarProps) {
  const x = (n: number) => (n / longest) * 118 + 1;
  return (
    <svg viewBox="0 0 120 14" class={`bar-${kind}`} aria-hidden="true">
      {before !== null && <rect class="gone" x="1" y="3" width={Math.max(0, x(before) - 1)} height="8" />}
      {count !== null && <rect x="1" y="3" width={Math.max(0, x(count) - 1)} height="8" />}
      <line x1={x(was)} x2={x(was)} y1="0" y2="14" />
    </svg>
  );
}
