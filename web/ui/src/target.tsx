// One target: is the objective met, what did Flyball do last, and why?
import { useEffect, useState } from "preact/hooks";
import { Backends } from "./backends";
import { Charts } from "./charts";
import { Log } from "./log";
import { TargetFeed } from "./feed";
import { duration, exact, latency, nbsp, offset, perSecond, short } from "./format";
import { atRisk, health, promise, staleFor, verdict } from "./health";
import { useFeed } from "./hooks";
import { Disconnected, Notice, Time, Troubles } from "./notice";
import { Foot, Sign } from "./overview";
import { home } from "./routes";
import type { Decision, Target } from "./types";

export function TargetPage({ name, help }: { name: string; help: () => void }) {
  const feed = useFeed((watcher) => new TargetFeed(name, watcher));
  const [chosen, setChosen] = useState<Decision | null>(null);
  const now = feed.now();
  const t = feed.target;
  useTitle(name, t, now);
  if (feed.state.is === "refused") return <Refused why={feed.state.why} />;
  const old = t !== null && (staleFor(t, now) > 0 || feed.state.is === "lost");
  return (
    <div class={`target ${old ? "stale" : ""}`}>
      <div class="head">
        <header class="top">
          <h1><a href={home} title="All targets">Flyball</a> <span class="muted">/</span> {name}</h1>
          {t && <p class="policy">{t.mode} <span class="muted">·</span> {t.policy}</p>}
          <Objective t={t} />
        </header>
        <div class="notices">
          <Disconnected state={feed.state} retry={() => feed.retryNow()} />
          {t && feed.state.is !== "lost" && <Troubles target={t} now={now} />}
        </div>
        <p class="hidden" role="status">{feed.state.is === "lost" ? "Disconnected" : t && health(t, now).words}</p>
      </div>
      <Numbers t={t} />
      <Log feed={feed} chosen={chosen} choose={setChosen} now={now} />
      <Charts feed={feed} chosen={chosen} choose={setChosen} />
      <Backends t={t} now={now} />
      <footer class="foot">
        <Liveness feed={feed} now={now} />
        {t && t.compression > 1 && <span>time runs {short(t.compression)}{nbsp}× faster than in real life</span>}
        <span>times in {offset(now)}</span>
        {t?.balancer && <span>requests arrive at {t.balancer}</span>}
        {t && <span class="kind" title={t.kind}>scales {t.kind}</span>}
        <button class="link" onClick={help}>keys <kbd>?</kbd></button>
      </footer>
    </div>
  );
}

function useTitle(name: string, t: Target | null, now: number): void {
  const trouble = t !== null && health(t, now).level === "trouble";
  const replicas = t?.point?.ready ?? null;
  useEffect(() => {
    document.title = `${trouble ? "▲ " : ""}${name}${replicas === null ? "" : ` · ${replicas} ready`} · Flyball`;
  }, [name, trouble, replicas]);
}

function Refused({ why }: { why: string }) {
  return (
    <div class="overview">
      <header class="top"><h1><a href={home}>Flyball</a></h1></header>
      <div class="notices"><Notice id="refused">{why}. The document may have changed; this page keeps asking. <a href={home}>Show all targets</a></Notice></div>
      <Foot version="" />
    </div>
  );
}

function Liveness({ feed, now }: { feed: TargetFeed; now: number }) {
  if (feed.state.is === "loading") return <span>loading …</span>;
  if (feed.state.is !== "live" || !feed.target) return <span>not connected</span>;
  const at = feed.target.reportAt;
  if (at === 0) return <span>waiting for the first report</span>;
  const silent = Math.max(0, Math.floor(now - at));
  return <span>live, last report {silent < 2 ? "now" : `${duration(silent)} ago`} (<Time t={at} />)</span>;
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
