// All targets: is anything in trouble, and what is Flyball doing about it?
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { judged, listed, shows, sorts, trouble, work, type Listed, type Show, type Sort } from "./answer";
import { age, ago, exact, latency, nbsp, perSecond, plural } from "./format";
import { Foot, Header } from "./frame";
import { doing, measured, promise, staleFor, type Health } from "./health";
import { useFeed, useMedia, useScroll } from "./hooks";
import { isTyping, onKey } from "./keys";
import { Disconnected, Notice } from "./notice";
import { OverviewFeed } from "./overview-feed";
import { address, go, overviewAddress, type Query } from "./routes";
import type { Point } from "./types";

interface Props {
  query: Query;
  openSingle: boolean;
  open: (name: string) => void;
}

export function Overview({ query, openSingle, open }: Props) {
  const feed = useFeed((watcher) => new OverviewFeed(watcher));
  const only = openSingle && feed.targets.length === 1 ? feed.targets[0]!.name : null;
  useEffect(() => {
    if (only !== null) open(only);
  }, [only]);
  const now = feed.now();
  const all = judged(feed.targets, now);
  const { bad, words } = trouble(all);
  useEffect(() => {
    document.title = bad > 0 ? `▲ ${bad} in trouble · Flyball` : "Flyball";
  }, [bad]);
  const loaded = feed.version !== "" || feed.targets.length > 0 || feed.state.is === "live";
  return (
    <div class={`overview ${feed.state.is === "lost" ? "stale" : ""}`}>
      <Header crumbs={[]} page="overview" />
      <div class="notices">
        <Disconnected state={feed.state} retry={() => feed.retryNow()} />
        {feed.state.is === "refused" && <Notice id="refused">{feed.state.why}. This page keeps asking.</Notice>}
      </div>
      <main>
        {!loaded && <p class="center">Loading…</p>}
        {loaded && feed.targets.length === 0 && <Empty />}
        {feed.targets.length > 0 && (
          <>
            <div class="answer">
              <p id="answer"><Sign level={bad > 0 ? "trouble" : "ok"} /> {words}</p>
              <p class="muted" id="work">{work(all)}</p>
            </div>
            <List feed={feed} all={all} query={query} now={now} />
          </>
        )}
      </main>
      {loaded && <Foot version={feed.version} now={now} />}
    </div>
  );
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

interface ListProps {
  feed: OverviewFeed;
  all: Listed[];
  query: Query;
  now: number;
}

// List is what the address asks for: searched, chosen and sorted.
function List({ feed, all, query, now }: ListProps) {
  const [at, setAt] = useState<string | null>(null); // the line that the keyboard is at
  const field = useRef<HTMLInputElement>(null);
  const search = query.q ?? "";
  const show = (shows.find(([key]) => key === query.show)?.[0] ?? "all") satisfies Show;
  const sort = (sorts.find(([key]) => key === query.sort)?.[0] ?? "trouble") satisfies Sort;
  const rows = listed(all, search, show, sort);
  const choose = (more: Query) => go(overviewAddress({ ...query, ...more }), true);
  const move = (by: number) => {
    const i = rows.findIndex((l) => l.t.name === at);
    setAt(rows[i < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, i + by))]?.t.name ?? null);
  };
  const latest = useRef({ move, choose });
  latest.current = { move, choose };
  useLayoutEffect(() => onKey((e) => {
    if (e.key === "Escape") {
      latest.current.choose({ q: "" });
      field.current?.blur();
    }
    if (isTyping(e)) return;
    if (e.key === "j") latest.current.move(1);
    if (e.key === "k") latest.current.move(-1);
    const chosen = shows[Number(e.key) - 1];
    if (chosen) latest.current.choose({ show: chosen[0] === "all" ? "" : chosen[0] });
    if (e.key === "/") {
      e.preventDefault();
      field.current?.focus();
    }
  }), []);
  return (
    <>
      <div class="toolbar list-tools">
        <div class="choices" role="group" aria-label="Show targets">
          {shows.map(([key, name]) => <button key={key} aria-pressed={show === key} onClick={() => choose({ show: key === "all" ? "" : key })}>{name}</button>)}
        </div>
        <label class="sort">sort by{" "}
          <select value={sort} onChange={(e) => choose({ sort: e.currentTarget.value === "trouble" ? "" : e.currentTarget.value })}>
            {sorts.map(([key, name]) => <option key={key} value={key}>{name}</option>)}
          </select>
        </label>
        <span class="muted" role="status">{rows.length === all.length ? plural(all.length, "target") : `${rows.length} of ${all.length}`}</span>
        <label class="search">
          <span class="hidden">Search the targets</span>
          <input ref={field} type="search" placeholder="search  /" value={search} onInput={(e) => choose({ q: e.currentTarget.value })}
            onKeyDown={(e) => e.key === "Enter" && rows[0] && go(address(rows[0].t.name))} />
        </label>
      </div>
      {rows.length === 0 && <p class="none">No target here{search && <> contains “{search}”</>}. <button class="link" onClick={() => choose({ q: "", show: "" })}>Show all</button></p>}
      <Rows feed={feed} rows={rows} at={at} now={now} />
    </>
  );
}

// spare rows are drawn above and below what the window shows.
const spare = 8;

// Rows draws only those that can be seen: there may be a thousand. All are of
// one height, so nothing moves when words change.
function Rows({ feed, rows, at, now }: { feed: OverviewFeed; rows: Listed[]; at: string | null; now: number }) {
  const list = useRef<HTMLUListElement>(null);
  const narrow = useMedia("(max-width: 899px)");
  const height = narrow ? 150 : 54;
  const { top, bottom } = useScroll(list);
  const first = Math.max(0, Math.floor(top / height) - spare);
  const last = Math.min(rows.length, Math.ceil(bottom / height) + spare);
  const seen = rows.slice(first, last);
  const names = seen.map((l) => l.t.name).join("\n");
  useEffect(() => feed.want(names.split("\n").filter(Boolean)), [names, feed.round]);

  const index = rows.findIndex((l) => l.t.name === at);
  useEffect(() => {
    if (index < 0 || !list.current) return;
    const y = list.current.getBoundingClientRect().top + index * height;
    if (y < 60 || y + height > innerHeight) scrollTo(0, scrollY + y - innerHeight / 2);
  }, [at]);
  useEffect(() => {
    const link = at === null ? null : list.current?.querySelector<HTMLElement>(`[data-index="${index}"] a`);
    if (link && link !== document.activeElement) link.focus({ preventScroll: true });
  }, [at, first, last]);
  return (
    <ul class="rows" ref={list} style={{ height: `${rows.length * height}px` }}>
      {seen.map((l, i) => (
        <Row key={l.t.name} l={l} points={feed.spark(l.t.name)} now={now} index={first + i} of={rows.length} height={height} />
      ))}
    </ul>
  );
}

interface RowProps {
  l: Listed;
  points: Point[];
  now: number;
  index: number;
  of: number;
  height: number;
}

function Row({ l: { t, h }, points, now, index, of, height }: RowProps) {
  const p = t.point;
  const d = t.decision;
  const span = points.length > 1 ? age(points.at(-1)!.t - points[0]!.t) : "15 min";
  const why = d ? `${d.reason.text} (${ago(now - d.until)})` : "";
  return (
    <li class={staleFor(t, now) > 0 ? "stale" : ""} data-index={index} aria-posinset={index + 1} aria-setsize={of} style={{ top: `${index * height}px`, height: `${height}px` }}>
      <a href={address(t.name)} class="row">
        <span class="who">
          <b title={t.name}>{t.name}</b>
          <span class="muted" title={t.policy}><span class={t.mode === "Apply" ? "" : "tag"}>{t.mode === "Paused" && "‖ "}{t.mode}</span>{" · "}{t.policy}</span>
        </span>
        <span class="how">
          <span><Sign level={h.level} /> {h.words}</span>
          <span class="muted" title={t.objective ? `${measured(t.objective)}: ${promise(t.objective)}` : ""}>{t.objective ? measured(t.objective) : ""}</span>
        </span>
        <span class="spark" title={`requests per second, last ${span}`}><Spark points={points} name="requests per second" /></span>
        <span class="what">
          <span>{p ? `${perSecond(p.rate)}, p95 ${latency(p.p95)}` : "no data"}</span>
          <span class="muted" title={p ? `${exact(p.rate, "requests/s")}` : ""}>
            {p && p.ready !== null ? `${p.ready}${nbsp}ready${p.starting ? `, ${p.starting}${nbsp}starting` : ""} of ${p.desired ?? "–"}${nbsp}wanted` : ""}
          </span>
        </span>
        <span class="does">
          <span>{doing(t)}</span>
          <span class="muted" title={why}>{why}</span>
        </span>
      </a>
    </li>
  );
}

export function Sign({ level }: { level: Health["level"] }) {
  const sign = { trouble: "▲", warning: "△", waiting: "…", ok: "✓" }[level];
  return <span class={`sign ${level}`} aria-hidden="true">{sign}</span>;
}

// Spark is the request rate from the first point known, a quarter of an hour
// ago at most, to now.
function Spark({ points, name }: { points: Point[]; name: string }) {
  const known = points.filter((p) => p.rate !== null);
  const most = Math.max(1e-9, ...known.map((p) => p.rate!));
  const to = known.at(-1)?.t ?? 0;
  const from = known[0]?.t ?? 0;
  const at = (p: Point) => `${(((p.t - from) / (to - from)) * 120).toFixed(1)},${(27 - (p.rate! / most) * 25).toFixed(1)}`;
  return (
    <svg viewBox="0 0 120 28" role="img" aria-label={`${name}, at most ${perSecond(most)}`} preserveAspectRatio="none">
      {known.length > 1 && <polygon points={`0,28 ${known.map(at).join(" ")} 120,28`} />}
      {known.length > 1 && <polyline points={known.map(at).join(" ")} />}
    </svg>
  );
}
