// The log of a target: each decision a sentence, its trail below it, and
// between them what else happened.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { byWords, kindOf } from "./events";
import { ago, fullTime, nbsp, when } from "./format";
import { doing, isHeld } from "./health";
import { useMedia } from "./hooks";
import { isTyping, onKey } from "./keys";
import { logLines, contains } from "./loglines";
import { idleWords } from "./modes";
import { decisionAddress, go } from "./routes";
import type { TargetFeed } from "./target-feed";
import { Trail } from "./trail";
import type { Decision, Filter, FlyballEvent } from "./types";

interface Props {
  feed: TargetFeed;
  chosen: Decision | null;
  choose: (d: Decision | null) => void;
  setFilter: (filter: Filter) => void;
  now: number;
}

const filters: [Filter, string][] = [["all", "all"], ["changes", "changes"], ["held", "held back by a guard"], ["events", "events"]];

// onPhone is how many lines a narrow page shows before the charts.
const onPhone = 5;

export function Log({ feed, chosen, choose, setFilter, now }: Props) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const narrow = useMedia("(max-width: 899px)");
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const found = logLines(feed).filter((line) => contains(line, search));
  const cut = narrow && !all && search === "";
  const shown = cut ? found.slice(0, Math.max(onPhone, found.findIndex((l) => chosen !== null && l.d?.id === chosen.id) + 1)) : found;
  const decisions = shown.flatMap((l) => l.d ?? []);

  const toggle = (d: Decision) => {
    choose(d);
    const next = new Set(open);
    if (!next.delete(d.id)) next.add(d.id);
    setOpen(next);
  };
  const move = (by: number) => {
    const at = decisions.findIndex((d) => d.id === chosen?.id);
    const next = decisions[at < 0 ? 0 : Math.min(decisions.length - 1, Math.max(0, at + by))];
    if (!next) return;
    choose(next);
    list.current?.querySelector<HTMLElement>(`[data-id="${next.id}"] button`)?.focus();
  };
  const latest = useRef({ move, chosen });
  latest.current = { move, chosen };
  useLayoutEffect(() => onKey((e) => {
    if (e.key === "Escape") {
      setSearch("");
      choose(null);
      field.current?.blur();
    }
    if (isTyping(e)) return;
    if (e.key === "j") latest.current.move(1);
    if (e.key === "k") latest.current.move(-1);
    if (e.key === "o" && latest.current.chosen) go(decisionAddress(feed.name, idOf(latest.current.chosen)));
    const filter = filters[Number(e.key) - 1];
    if (filter) setFilter(filter[0]);
    if (e.key === "/") {
      e.preventDefault();
      field.current?.focus();
    }
  }), []);
  useEffect(() => {
    list.current?.querySelector(`[data-id="${chosen?.id}"]`)?.scrollIntoView({ block: "nearest" });
  }, [chosen?.id]);

  const past = feed.window.is === "past";
  return (
    <section class="log" aria-labelledby="log-title">
      <Why feed={feed} now={now} />
      <div class={`toolbar ${past ? "past" : ""}`}>
        <div class="choices" role="group" aria-label="Show decisions">
          {filters.map(([filter, name]) => (
            <button key={filter} aria-pressed={feed.filter === filter} onClick={() => setFilter(filter)}>{name}</button>
          ))}
        </div>
        {past && <b class="tag" title="the decisions of the window that the charts show">Past</b>}
        <label class="search">
          <span class="hidden">Search the decisions</span>
          <input ref={field} type="search" placeholder="search  /" value={search} onInput={(e) => setSearch(e.currentTarget.value)} />
        </label>
      </div>
      <ol class={`decisions ${feed.loading ? "loading" : ""} ${feed.target ? "" : "fresh"}`} ref={list} aria-busy={feed.loading}>
        {shown.map(({ d, e }) => d
          ? <Line key={d.id} name={feed.name} d={d} now={now} chosen={d.id === chosen?.id} open={open.has(d.id)} toggle={() => toggle(d)} />
          : <EventLine key={`e${e!.id}`} e={e!} now={now} />)}
        {shown.length === 0 && <li class="none">{nothing(feed, search)}</li>}
        {cut && found.length > shown.length && <li><button class="button" onClick={() => setAll(true)}>Show {found.length - shown.length} more</button></li>}
        {!cut && (feed.older.decisions || feed.older.events) && <li><button class="button" onClick={() => void feed.loadOlder()}>{feed.older.decisions ? "Older decisions" : "Older events"}</button></li>}
      </ol>
    </section>
  );
}

// idOf is the one whose words the line shows.
const idOf = (d: Decision) => d.newest ?? d.id;

// Why says what Flyball does now, whatever window is looked at.
function Why({ feed, now }: { feed: TargetFeed; now: number }) {
  const t = feed.target;
  const d = t?.decision;
  return (
    <div class="lead">
      <h2 id="log-title">Why {d ? `${d.to}${nbsp}${d.to === 1 ? "replica" : "replicas"}` : "this many replicas"}{feed.window.is === "past" && <span class="muted"> now</span>}</h2>
      <p id="why">
        {t && d
          ? <><b>{capital(doing(t))}</b>: {d.reason.text} <span class="muted">({setBy(d)}, <a href={decisionAddress(t.name, idOf(d))}>{ago(now - d.until)}</a>)</span></>
          : "No decision yet."}
      </p>
    </div>
  );
}

function nothing(feed: TargetFeed, search: string): string {
  if (feed.state.is === "loading") return "Loading…";
  if (feed.fault) return "This could not be loaded.";
  if (search !== "") return `No decision here contains “${search}”.`;
  const where = feed.window.is === "past" ? "in this window" : "yet";
  return {
    all: `No decision ${where}.`, changes: `No decision ${where} asked for another count.`,
    held: `No guard changed a number ${where}.`, events: `No event ${where}.`,
  }[feed.filter];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function setBy(d: Decision): string {
  return d.setBy === "policy" ? `set by ${d.policy}` : `set by ${d.setBy}`;
}

interface LineProps {
  name: string;
  d: Decision;
  now: number;
  chosen: boolean;
  open: boolean;
  toggle: () => void;
}

function Line({ name, d, now, chosen, open, toggle }: LineProps) {
  const change = d.to !== d.from;
  const direction = d.to > d.from ? "↑" : d.to < d.from ? "↓" : "=";
  return (
    <li data-id={d.id} class={`${change ? "change" : ""} ${chosen ? "chosen" : ""}`}>
      <button class="line" aria-expanded={open} onClick={toggle}>
        <time dateTime={new Date(d.at * 1000).toISOString()} title={fullTime(d.at)}>{when(d.at, now)}</time>
        <span class="count"><span aria-hidden="true">{direction}</span> {change ? `${d.from} → ${d.to}` : d.to}</span>
        <span class="reason">
          {d.reason.text} <Tags d={d} now={now} />
        </span>
      </button>
      {open && <Trail d={d} now={now} />}
      {open && <p class="whole"><a href={decisionAddress(name, idOf(d))}>The whole trail, with what was seen <span aria-hidden="true">→</span></a></p>}
    </li>
  );
}

function Tags({ d, now }: { d: Decision; now: number }) {
  return (
    <span class="tags">
      {isHeld(d) && <span class="tag">held back by {d.steps.filter((s) => s.from !== s.to).map((s) => s.guard).join(", ")}</span>}
      {d.noData && <span class="tag">no data</span>}
      {d.applied?.error && <span class="tag trouble">▲ not applied</span>}
      {d.to !== d.from && d.mode !== "Apply" && <span class="tag">{idleWords(d.mode)}</span>}
      {d.count > 1 && <span class="muted">×{nbsp}{d.count} until {when(d.until, now)}</span>}
    </span>
  );
}

function EventLine({ e, now }: { e: FlyballEvent; now: number }) {
  const kind = kindOf(e.type);
  return (
    <li class={`event ${kind.bad ? "bad" : ""}`}>
      <time dateTime={new Date(e.at * 1000).toISOString()} title={fullTime(e.at)}>{when(e.at, now)}</time>
      <span class="sign" aria-hidden="true">{kind.sign}</span>
      <span class="reason"><b>{kind.words}</b>{e.by && ` ${byWords(e)}`}: {e.message}</span>
    </li>
  );
}
