// All targets: is anything in trouble, and what is Flyball doing about it?
import { useEffect } from "preact/hooks";
import { OverviewFeed } from "./feed";
import { ago, exact, latency, nbsp, perSecond, plural } from "./format";
import { doing, health, measured, staleFor, type Health } from "./health";
import { useFeed } from "./hooks";
import { Disconnected } from "./notice";
import { address } from "./routes";
import type { Point, Target } from "./types";

interface Props {
  openSingle: boolean;
  open: (name: string) => void;
}

export function Overview({ openSingle, open }: Props) {
  const feed = useFeed((watcher) => new OverviewFeed(watcher));
  const only = openSingle && feed.targets.length === 1 ? feed.targets[0]!.name : null;
  useEffect(() => {
    if (only !== null) open(only);
  }, [only]);
  useEffect(() => {
    document.title = "Flyball";
  }, []);
  const now = feed.now();
  const loaded = feed.version !== "" || feed.targets.length > 0 || feed.state.is === "live";
  return (
    <div class="overview">
      <header class="top"><h1>Flyball</h1></header>
      <div class="notices"><Disconnected state={feed.state} retry={() => feed.retryNow()} /></div>
      <main>
        {!loaded && <p class="center">Loading…</p>}
        {loaded && feed.targets.length === 0 && <Empty />}
        {feed.targets.length > 0 && <Answer targets={feed.targets} now={now} />}
        {feed.targets.length > 0 && <Rows feed={feed} now={now} />}
      </main>
      {loaded && <Foot version={feed.version} />}
    </div>
  );
}

export function Foot({ version }: { version: string }) {
  return <footer class="foot">Flyball {version} · <a href="licenses.txt">licences</a></footer>;
}

function Empty() {
  return (
    <section class="empty">
      <h2>No target yet</h2>
      <p><code>flyball init</code> finds what is running and writes a document for it; <code>flyball run -f FILE</code> keeps it at its objective.</p>
      <p>To see it work with nothing installed: <code>flyball demo</code>.</p>
    </section>
  );
}

const order: Health["level"][] = ["trouble", "warning", "waiting", "ok"];

// Answer says in one sentence whether anything is in trouble.
function Answer({ targets, now }: { targets: Target[]; now: number }) {
  const bad = targets.filter((t) => ["trouble", "warning"].includes(health(t, now).level));
  const all = targets.length === 1 ? "The target is" : `All ${targets.length} targets are`;
  if (bad.length === 0) return <p class="answer"><span class="sign ok" aria-hidden="true">✓</span> {all} all right.</p>;
  return (
    <p class="answer">
      <span class="sign trouble" aria-hidden="true">▲</span> {bad.length} of {plural(targets.length, "target")} in trouble: {bad.map((t) => t.name).join(", ")}.
    </p>
  );
}

function Rows({ feed, now }: { feed: OverviewFeed; now: number }) {
  const level = (t: Target) => order.indexOf(health(t, now).level);
  const sorted = feed.targets.map((t, i) => ({ t, i })).sort((a, b) => level(a.t) - level(b.t) || a.i - b.i);
  return <ul class="rows">{sorted.map(({ t }) => <Row key={t.name} t={t} points={feed.sparks.get(t.name) ?? []} now={now} />)}</ul>;
}

function Row({ t, points, now }: { t: Target; points: Point[]; now: number }) {
  const h = health(t, now);
  const p = t.point;
  return (
    <li class={staleFor(t, now) > 0 ? "stale" : ""}>
      <a href={address(t.name)} class="row">
        <span class="who">
          <b>{t.name}</b>
          <span class="muted">{t.mode}{" · "}{t.policy}</span>
        </span>
        <span class="how">
          <span><Sign level={h.level} /> {h.words}</span>
          <span class="muted">{t.objective && measured(t.objective)}</span>
        </span>
        <span class="spark" title="requests per second, last 15 min"><Spark points={points} name="requests per second" /></span>
        <span class="what">
          <span>{p ? `${perSecond(p.rate)}, p95 ${latency(p.p95)}` : "no data"}</span>
          <span class="muted" title={p ? `${exact(p.rate, "requests/s")}` : ""}>
            {p && p.ready !== null ? `${p.ready}${nbsp}ready${p.starting ? `, ${p.starting}${nbsp}starting` : ""} of ${p.desired ?? "–"}${nbsp}wanted` : ""}
          </span>
        </span>
        <span class="does">
          <span>{doing(t)}</span>
          <span class="muted">{t.decision ? `${t.decision.reason.text} (${ago(now - t.decision.until)})` : ""}</span>
        </span>
      </a>
    </li>
  );
}

export function Sign({ level }: { level: Health["level"] }) {
  const sign = { trouble: "▲", warning: "△", waiting: "…", ok: "✓" }[level];
  return <span class={`sign ${level}`} aria-hidden="true">{sign}</span>;
}

// Spark is the request rate as a line of a quarter of an hour.
function Spark({ points, name }: { points: Point[]; name: string }) {
  const known = points.filter((p) => p.rate !== null);
  const most = Math.max(1e-9, ...known.map((p) => p.rate!));
  const to = known.at(-1)?.t ?? 0;
  const from = Math.min(to - 60, known[0]?.t ?? 0);
  const at = (p: Point) => `${(((p.t - from) / (to - from)) * 120).toFixed(1)},${(27 - (p.rate! / most) * 25).toFixed(1)}`;
  return (
    <svg viewBox="0 0 120 28" role="img" aria-label={`${name}, at most ${perSecond(most)}`} preserveAspectRatio="none">
      {known.length > 1 && <polyline points={known.map(at).join(" ")} />}
    </svg>
  );
}
