// The decision log: each decision a sentence, its trail below it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { TargetFeed } from "./feed";
import { ago, fullTime, nbsp, when } from "./format";
import { doing, isHeld } from "./health";
import { useMedia } from "./hooks";
import { isTyping, onKey } from "./keys";
import { Trail } from "./trail";
import type { Decision, Filter } from "./types";

interface Props {
  feed: TargetFeed;
  chosen: Decision | null;
  choose: (d: Decision | null) => void;
  now: number;
}

const filters: [Filter, string][] = [["all", "all"], ["changes", "changes"], ["held", "held back by a guard"]];

// onPhone is how many decisions a narrow page shows before the charts.
const onPhone = 5;

export function Log({ feed, chosen, choose, now }: Props) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const narrow = useMedia("(max-width: 899px)");
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const found = feed.decisions.filter((d) => contains(d, search));
  const cut = narrow && !all && search === "";
  const shown = cut ? found.slice(0, Math.max(onPhone, found.findIndex((d) => d.id === chosen?.id) + 1)) : found;

  const toggle = (d: Decision) => {
    choose(d);
    const next = new Set(open);
    if (!next.delete(d.id)) next.add(d.id);
    setOpen(next);
  };
  const move = (by: number) => {
    const at = shown.findIndex((d) => d.id === chosen?.id);
    const next = shown[at < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, at + by))];
    if (!next) return;
    choose(next);
    list.current?.querySelector<HTMLElement>(`[data-id="${next.id}"] button`)?.focus();
  };
  const latest = useRef({ move, search });
  latest.current = { move, search };
  useEffect(() => onKey((e) => {
    if (e.key === "Escape") {
      setSearch("");
      choose(null);
      field.current?.blur();
    }
    if (isTyping(e)) return;
    if (e.key === "j") latest.current.move(1);
    if (e.key === "k") latest.current.move(-1);
    const filter = filters[Number(e.key) - 1];
    if (filter) void feed.setFilter(filter[0]);
    if (e.key === "/") {
      e.preventDefault();
      field.current?.focus();
    }
  }), []);
  useEffect(() => {
    list.current?.querySelector(`[data-id="${chosen?.id}"]`)?.scrollIntoView({ block: "nearest" });
  }, [chosen?.id]);

  const t = feed.target;
  return (
    <section class="log" aria-labelledby="log-title">
      <div class="lead">
        <h2 id="log-title">Why {t?.decision ? `${t.decision.to}${nbsp}${t.decision.to === 1 ? "replica" : "replicas"}` : "this many replicas"}</h2>
        <p id="why">{t?.decision ? <><b>{capital(doing(t))}</b>: {t.decision.reason.text} <span class="muted">({setBy(t.decision)}, {ago(now - t.decision.until)})</span></> : "No decision yet."}</p>
      </div>
      <div class="toolbar">
        <div class="choices" role="group" aria-label="Show decisions">
          {filters.map(([filter, name]) => (
            <button key={filter} aria-pressed={feed.filter === filter} onClick={() => void feed.setFilter(filter)}>{name}</button>
          ))}
        </div>
        <label class="search">
          <span class="hidden">Search the decisions</span>
          <input ref={field} type="search" placeholder="search  /" value={search} onInput={(e) => setSearch(e.currentTarget.value)} />
        </label>
      </div>
      <ol class="decisions" ref={list}>
        {shown.map((d) => (
          <Line key={d.id} d={d} now={now} chosen={d.id === chosen?.id} open={open.has(d.id)} toggle={() => toggle(d)} />
        ))}
        {shown.length === 0 && <li class="none">{nothing(feed, search)}</li>}
        {cut && found.length > shown.length && <li><button class="button" onClick={() => setAll(true)}>Show {found.length - shown.length} more</button></li>}
        {!cut && feed.more && <li><button class="button" onClick={() => void feed.loadOlder()}>Older decisions</button></li>}
      </ol>
    </section>
  );
}

function nothing(feed: TargetFeed, search: string): string {
  if (feed.state.is === "loading") return "Loading…";
  if (search !== "") return `No decision here contains “${search}”.`;
  return { all: "No decision yet.", changes: "No decision asked for another count.", held: "No guard changed a number." }[feed.filter];
}

function contains(d: Decision, search: string): boolean {
  if (search === "") return true;
  const words = [d.reason.text, d.setBy, d.recommendation.reason.text, `${d.from} → ${d.to}`, ...d.steps.filter((s) => s.from !== s.to).map((s) => `${s.guard} ${s.reason.text}`)];
  return words.join(" ").toLowerCase().includes(search.toLowerCase());
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function setBy(d: Decision): string {
  return d.setBy === "policy" ? `set by ${d.policy}` : `set by ${d.setBy}`;
}

interface LineProps {
  d: Decision;
  now: number;
  chosen: boolean;
  open: boolean;
  toggle: () => void;
}

function Line({ d, now, chosen, open, toggle }: LineProps) {
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
      {open && <Trail d={d} />}
    </li>
  );
}

function Tags({ d, now }: { d: Decision; now: number }) {
  return (
    <span class="tags">
      {isHeld(d) && <span class="tag">held back by {d.steps.filter((s) => s.from !== s.to).map((s) => s.guard).join(", ")}</span>}
      {d.noData && <span class="tag">no data</span>}
      {d.applied?.error && <span class="tag trouble">▲ not applied</span>}
      {d.to !== d.from && d.mode !== "Apply" && <span class="tag">{d.mode}: not applied</span>}
      {d.count > 1 && <span class="muted">×{nbsp}{d.count} until {when(d.until, now)}</span>}
    </span>
  );
}
