// One target: is the objective met, what did Flyball do last, and why?
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { AdvicePanel } from "./advicepanel";
import { Backends } from "./backends";
import { Charts } from "./charts";
import { duration, exact, latency, nbsp, perSecond, short } from "./format";
import { Foot, Header, Refused } from "./frame";
import { atRisk, health, promise, staleFor, verdict } from "./health";
import { useFeed } from "./hooks";
import { isTyping, onKey } from "./keys";
import { Log } from "./log";
import { ModeBlank, ModeButtons, ModeDialog, resume, Standing, type Start } from "./mode";
import { settled } from "./modes";
import { Disconnected, Missing, Time, Troubles } from "./notice";
import { Sign } from "./overview";
import { address, go, type Query } from "./routes";
import { Shadows } from "./shadowpanel";
import { TargetFeed } from "./target-feed";
import type { Decision, Filter, Target } from "./types";
import { queryOf, shifted, usual, windowOf, type Window } from "./window";
import { WindowDialog } from "./windowbar";

export function TargetPage({ name, query }: { name: string; query: Query }) {
  const feed = useFeed((watcher) => new TargetFeed(name, windowOf(query), watcher));
  const [chosen, setChosen] = useState<Decision | null>(null);
  const [asking, setAsking] = useState<Start | null>(null);
  const [choosing, setChoosing] = useState(false);
  const now = feed.now();
  const t = feed.target && settled(feed.target, now);
  useTitle(name, t, now);
  useQuery(feed, query, setChosen);
  const show = (w: Window) => go(address(name, { ...queryOf(w), filter: query.filter ?? "" }));
  const setFilter = (filter: Filter) => go(address(name, { ...queryOf(feed.window), filter: filter === "all" ? "" : filter }), true);
  useKeys({ feed, show, ask: setAsking, custom: () => setChoosing(true) });
  if (feed.state.is === "refused") return <Refused why={feed.state.why} />;
  const old = t !== null && (staleFor(t, now) > 0 || feed.state.is === "lost");
  const shadows = t !== null && (t.shadows.length > 0 || (t.decision?.shadows ?? []).length > 0);
  return (
    <div class={`target ${old ? "stale" : ""} ${shadows || t === null ? "" : "alone"} ${t?.advice ? "advised" : ""}`}>
      <div class="head">
        <Header crumbs={[name]} page="">
          <p class="policy">{t ? <ModeButtons t={t} open={setAsking} /> : <ModeBlank />} <span class="what" title={t?.policy}>{t?.policy ?? nbsp}</span></p>
          <Objective t={t} />
        </Header>
        <div class="notices">
          <Disconnected state={feed.state} retry={() => feed.retryNow()} />
          <Missing fault={feed.fault} incomplete={feed.incomplete} retry={() => feed.retryNow()} />
          {t && <Standing t={t} now={now} open={setAsking} />}
          {t && feed.state.is !== "lost" && <Troubles target={t} now={now} />}
        </div>
        <p class="hidden" role="status">{feed.state.is === "lost" ? "Disconnected" : t && `${health(t, now).words}; ${t.mode}`}</p>
      </div>
      <Numbers t={t} />
      <Log feed={feed} chosen={chosen} choose={setChosen} setFilter={setFilter} now={now} />
      <Charts feed={feed} chosen={chosen} choose={setChosen} show={show} custom={() => setChoosing(true)} />
      <Backends t={t} now={now} />
      {shadows && <Shadows t={t} points={feed.points} />}
      {t?.advice && <AdvicePanel advice={t.advice} now={now} />}
      <Foot version={feed.version} now={now}>
        <Liveness feed={feed} now={now} />
        {t && t.compression > 1 && <span>time runs {short(t.compression)}{nbsp}× faster than in real life</span>}
        {t?.balancer && <span>requests arrive at {t.balancer}</span>}
        {t && <span class="kind" title={t.kind}>scales {t.kind}</span>}
      </Foot>
      {t && asking && <ModeDialog t={t} start={asking} now={now} done={(changed) => feed.replace(changed)} close={() => setAsking(null)} />}
      {choosing && <WindowDialog window={feed.window} now={now} show={show} close={() => setChoosing(false)} />}
    </div>
  );
}

const filters = ["all", "changes", "held", "events"];

// useQuery makes the feed show what the address says: window, filter and the
// decision that is marked.
function useQuery(feed: TargetFeed, query: Query, choose: (d: Decision) => void): void {
  const first = useRef(true);
  const { span = "", from = "", to = "", filter = "", d = "" } = query;
  useEffect(() => {
    if (!first.current) feed.show(windowOf(query));
  }, [span, from, to]);
  useEffect(() => {
    const wanted = (filters.includes(filter) ? filter : "all") as Filter;
    if (wanted !== feed.filter) feed.setFilter(wanted);
    first.current = false;
  }, [filter]);
  const marked = feed.decisions.find((known) => d !== "" && known.id <= Number(d) && Number(d) <= (known.newest ?? known.id));
  useEffect(() => {
    if (marked) choose(marked);
  }, [marked?.id]);
}

interface Keys {
  feed: TargetFeed;
  show: (w: Window) => void;
  ask: (start: Start) => void;
  custom: () => void;
}

function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useLayoutEffect(() => onKey((e) => {
    if (isTyping(e)) return;
    const { feed, show, ask, custom } = latest.current;
    const t = feed.target && settled(feed.target, feed.now());
    const does: Record<string, () => void> = {
      "[": () => show(shifted(feed.window, -1, feed.now())),
      "]": () => show(shifted(feed.window, 1, feed.now())),
      l: () => show(usual),
      w: custom,
      p: () => t && ask(t.mode === "Paused" ? resume(t) : "Paused"),
      m: () => t && ask(t.mode),
    };
    if (!does[e.key]) return;
    e.preventDefault(); // the key is not meant for the dialog that it opens
    does[e.key]!();
  }), []);
}

function useTitle(name: string, t: Target | null, now: number): void {
  const trouble = t !== null && health(t, now).level === "trouble";
  const replicas = t?.point?.ready ?? null;
  useEffect(() => {
    document.title = `${trouble ? "▲ " : ""}${name}${replicas === null ? "" : ` · ${replicas} ready`} · Flyball`;
  }, [name, trouble, replicas]);
}

function Liveness({ feed, now }: { feed: TargetFeed; now: number }) {
  if (feed.state.is === "loading") return <span>loading …</span>;
  if (feed.state.is !== "live" || !feed.target) return <span>not connected</span>;
  const at = feed.target.reportAt;
  if (at === 0) return <span>waiting for the first report</span>;
  const silent = Math.max(0, Math.floor(now - at));
  return <span>live, last report {silent < 2 ? "now" : `${duration(silent)} ago`} (<Time t={at} now={now} />)</span>;
}

function Objective({ t }: { t: Target | null }) {
  if (!t) return <p class="objective"> </p>;
  const o = t.objective;
  if (!o) return <p class="objective muted">no objective stated</p>;
  const level = t.reportAt === 0 ? "waiting" : !o.met ? "trouble" : atRisk(o) ? "warning" : "ok";
  return (
    <p class="objective" id="objective" title={`${exact(o.requests, "requests")} judged over ${duration(o.covered)}`}>
      <span class="muted">objective {promise(o)}</span> <b class={level}><Sign level={level} /> {level === "waiting" ? "not judged yet" : verdict(o)}</b>
    </p>
  );
}

// Numbers is the state of the target at a glance. The boxes are there before
// the data, so nothing moves when they come.
function Numbers({ t }: { t: Target | null }) {
  const p = t?.point ?? null;
  const slow = t?.objective && p?.p95 != null && p.p95 > t.objective.threshold;
  const count = (n: number | null | undefined, what: string) => (n ? ` · ${n}${nbsp}${what}` : "");
  return (
    <dl class="numbers">
      <Figure name="Requests" value={perSecond(p?.rate ?? null)} exact={exact(p?.rate ?? null, "requests/s")} more={among(p?.errors, (n) => `${perSecond(n)} failed`, "none failed")} />
      <Figure name="Latency p95" value={latency(p?.p95 ?? null)} warn={Boolean(slow)} exact={exact(p?.p95 ?? null, "s")}
        more={t?.objective ? `${slow ? "▲ above" : "of"} ${duration(t.objective.threshold)}` : ""} />
      <Figure name="Replicas ready" value={short(p?.ready ?? null)} exact={exact(p?.ready ?? null, "replicas")}
        more={p && p.desired !== null ? `of ${short(p.desired)} wanted${count(p.starting, "starting")}${count(p.terminating, "draining")}` : ""} />
      <Figure name="In progress" value={short(p?.concurrency ?? null)} exact={exact(p?.concurrency ?? null, "requests")} more={among(p?.queue, (n) => `${short(n)} held`, "none held")} />
      <Figure name="Bounds" value={t ? `${t.min}${nbsp}–${nbsp}${t.max}` : "–"} more="replicas" exact="fewest and most replicas allowed" />
    </dl>
  );
}

// among tells of the part that is not as it should be; of what nobody measured
// it tells nothing.
function among(n: number | null | undefined, some: (n: number) => string, none: string): string {
  return n === null || n === undefined ? "" : n > 0 ? some(n) : none;
}

interface FigureProps {
  name: string;
  value: string;
  more: string;
  exact: string;
  warn?: boolean;
}

function Figure({ name, value, more, exact, warn }: FigureProps) {
  return (
    <div title={exact}>
      <dt>{name}</dt>
      <dd><b class={warn ? "trouble" : ""}>{value}</b> <span class={warn ? "trouble" : "muted"}>{more}</span></dd>
    </div>
  );
}
