// One decision of any time: which rule set the number, and what was it made
// on?
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { DecisionFeed } from "./decision-feed";
import { clock, day, fullTime, offset } from "./format";
import { Foot, Header, Refused } from "./frame";
import { useFeed } from "./hooks";
import { isTyping, onKey } from "./keys";
import { Ladder } from "./ladder";
import { Disconnected, Missing } from "./notice";
import { address, decisionAddress, go } from "./routes";
import { SeenTable } from "./seen";
import { Outcome } from "./trail";
import type { DecisionAnswer, WholeDecision } from "./types";
import { around, queryOf } from "./window";

export function DecisionPage({ name, id }: { name: string; id: number }) {
  const feed = useFeed((watcher) => new DecisionFeed(name, id, watcher));
  useEffect(() => feed.show(id), [id]);
  const answer = feed.answer;
  const now = answer?.now ?? Date.now() / 1000;
  const d = answer?.decision;
  useEffect(() => {
    document.title = `${d ? `${d.from} → ${d.to} at ${clock(d.at)} · ` : ""}${name} · Flyball`;
  }, [name, d?.id]);
  useKeys(name, answer, now);
  if (feed.state.is === "refused") return <Refused why={feed.state.why} name={name} />;
  return (
    <div class={`decision ${feed.state.is === "lost" ? "stale" : ""}`}>
      <Header crumbs={[<a key="t" href={address(name)}>{name}</a>, "decision"]} page="" />
      <div class="notices"><Disconnected state={feed.state} retry={() => feed.retryNow()} /><Missing incomplete={answer?.incomplete ?? ""} retry={() => feed.retryNow()} /></div>
      <main>
        {!answer && <p class="center">Loading…</p>}
        {answer && <Sentence name={name} answer={answer} now={now} />}
        {d && (
          <div class="halves">
            <section class="panel" aria-labelledby="seen-title"><h2 id="seen-title">1. What was seen</h2><SeenTable d={d} /></section>
            <section class="panel" aria-labelledby="ladder-title"><h2 id="ladder-title">2. Which rule set the number</h2><Ladder d={d} now={now} /></section>
          </div>
        )}
      </main>
      {answer && <Foot version="" now={now} />}
    </div>
  );
}

// Sentence is the answer: from, to, when, why, and what came of it.
function Sentence({ name, answer, now }: { name: string; answer: DecisionAnswer; now: number }) {
  const d = answer.decision;
  const change = d.from !== d.to;
  return (
    <div class="panel sentence">
      <nav aria-label="Neighbours">
        <Neighbour name={name} id={answer.previous} rel="prev">‹ earlier</Neighbour>
        <Neighbour name={name} id={answer.next} rel="next">later ›</Neighbour>
        <a class="button" href={inCharts(name, d, now)}>in the charts</a>
      </nav>
      <p class="big" id="count">
        {change ? <>{d.from}<span class="muted"> → </span><b>{d.to}</b></> : <>stay at <b>{d.to}</b></>} {d.to === 1 ? "replica" : "replicas"}
      </p>
      <p class="at"><time dateTime={new Date(d.at * 1000).toISOString()} title={fullTime(d.at)}>{day(d.at)} {new Date(d.at * 1000).getFullYear()}, {clock(d.at)}</time> {offset(d.at)}
        <span class="muted"> · mode {d.mode}{d.noData ? " · no data" : ""}</span></p>
      <p id="why"><b>{d.reason.text}</b> <span class="muted">(set by {d.setBy === "policy" ? `the policy, ${d.policy}` : `the guard ${d.setBy}`})</span></p>
      <p><Outcome d={d} now={now} /></p>
    </div>
  );
}

function inCharts(name: string, d: WholeDecision, now: number): string {
  return address(name, { ...queryOf(around(d.at, now)), d: String(d.id) });
}

function Neighbour({ name, id, rel, children }: { name: string; id: number | null | undefined; rel: string; children: preact.ComponentChildren }) {
  if (id == null) return <span class="button" aria-disabled="true">{children}</span>;
  return <a class="button" rel={rel} href={decisionAddress(name, id)}>{children}</a>;
}

function useKeys(name: string, answer: DecisionAnswer | null, now: number): void {
  const latest = useRef({ answer, now });
  latest.current = { answer, now };
  useLayoutEffect(() => onKey((e) => {
    const { answer, now } = latest.current;
    if (isTyping(e) || !answer) return;
    const to = e.key === "j" || e.key === "ArrowLeft" ? answer.previous : e.key === "k" || e.key === "ArrowRight" ? answer.next : null;
    if (to != null) go(decisionAddress(name, to), true);
    if (e.key === "t") go(inCharts(name, answer.decision, now));
  }), [name]);
}

