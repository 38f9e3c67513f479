// What happened beside decisions: who did what, what broke, what was well
// again.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { eventKinds, kindOf } from "./events";
import { EventsFeed } from "./events-feed";
import { fullTime, when } from "./format";
import { Foot, Header, Refused } from "./frame";
import { useFeed } from "./hooks";
import { isTyping, onKey } from "./keys";
import { Disconnected, Missing } from "./notice";
import { address, eventsAddress, go, type Query } from "./routes";
import { around, queryOf } from "./window";
import type { FlyballEvent } from "./types";

export function EventsPage({ query }: { query: Query }) {
  const target = query.target ?? "";
  const feed = useFeed((watcher) => new EventsFeed(target, watcher));
  const [at, setAt] = useState(-1);
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const { type = "", q = "" } = query;
  const choose = (more: Query) => go(eventsAddress({ ...query, ...more }), true);
  const shown = feed.events.filter((e) => (type === "" || e.type === type) && contains(e, q));
  const now = feed.now();
  useEffect(() => {
    document.title = `Events${target && ` of ${target}`} · Flyball`;
  }, [target]);
  const move = (by: number) => {
    const next = Math.min(shown.length - 1, Math.max(0, at + by));
    setAt(next);
    list.current?.querySelectorAll<HTMLElement>(".event")[next]?.focus();
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
    if (e.key === "/") {
      e.preventDefault();
      field.current?.focus();
    }
  }), []);
  if (feed.state.is === "refused") return <Refused why={feed.state.why} />;
  const loaded = feed.version !== "" || feed.state.is === "live";
  const types = [...new Set([...Object.keys(eventKinds), ...feed.events.map((e) => e.type)])];
  return (
    <div class={`overview events-page ${feed.state.is === "lost" ? "stale" : ""}`}>
      <Header crumbs={[target ? <>events of <a key="t" href={address(target)}>{target}</a></> : "events"]} page="events" />
      <div class="notices"><Disconnected state={feed.state} retry={() => feed.retryNow()} /><Missing fault={feed.fault} incomplete={feed.incomplete} retry={() => feed.retryNow()} /></div>
      <main class="panel">
        <div class="toolbar">
          <label>target{" "}
            <select id="event-target" value={target} onChange={(e) => choose({ target: e.currentTarget.value })}>
              <option value="">all</option>
              {[...new Set([...feed.names, ...(target ? [target] : [])])].map((name) => <option key={name}>{name}</option>)}
            </select>
          </label>
          <label>type{" "}
            <select id="event-type" value={type} onChange={(e) => choose({ type: e.currentTarget.value })}>
              <option value="">all</option>
              {types.map((t) => <option key={t} value={t}>{kindOf(t).words}</option>)}
            </select>
          </label>
          <label class="search">
            <span class="hidden">Search the events</span>
            <input ref={field} type="search" placeholder="search  /" value={q} onInput={(e) => choose({ q: e.currentTarget.value })} />
          </label>
        </div>
        <ol class="events" ref={list}>
          {shown.map((e) => <Line key={e.id} e={e} now={now} />)}
        </ol>
        {shown.length === 0 && <p class="none">{nothing(loaded, feed.events.length > 0)}</p>}
        {feed.more && <p class="older"><button class="button" onClick={() => void feed.loadOlder()}>Older events</button></p>}
      </main>
      {loaded && <Foot version={feed.version} now={now} />}
    </div>
  );
}

function nothing(loaded: boolean, some: boolean): string {
  if (!loaded) return "Loading…";
  return some ? "No event loaded here is of this kind." : "No event yet: actions, reloads, faults and changes of replicas will be listed here.";
}

function contains(e: FlyballEvent, search: string): boolean {
  return `${e.target ?? ""} ${e.by ?? ""} ${kindOf(e.type).words} ${e.message}`.toLowerCase().includes(search.toLowerCase());
}

function Line({ e, now }: { e: FlyballEvent; now: number }) {
  const kind = kindOf(e.type);
  return (
    <li class={`event ${kind.bad ? "bad" : ""}`} tabIndex={-1}>
      <time dateTime={new Date(e.at * 1000).toISOString()} title={fullTime(e.at)}>{when(e.at, now)}</time>
      <span class="type"><span class="sign" aria-hidden="true">{kind.sign}</span> {kind.words}</span>
      <span class="of">{e.target ? <a href={address(e.target, queryOf(around(e.at, now)))}>{e.target}</a> : <span class="muted">Flyball</span>}</span>
      <span class="message">{e.message}{e.by && <span class="muted"> · by {e.by}</span>}</span>
    </li>
  );
}
