// The charts of a target under one time axis and one cursor.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { columns, gapOf, shadowNames } from "./columns";
import { duration } from "./format";
import { useTheme } from "./hooks";
import { Plot, type View } from "./plot";
import { latencyChart, rateChart, replicasChart, workChart } from "./plots";
import { speed } from "./simulation";
import type { TargetFeed } from "./target-feed";
import type { Decision } from "./types";
import { around, bounds, presets, spanOf, usualAt, type Span, type Window } from "./window";
import { WindowBar } from "./windowbar";

interface Props {
  feed: TargetFeed;
  chosen: Decision | null;
  choose: (d: Decision | null) => void;
  show: (w: Window) => void;
  custom: () => void;
}

const shortest = 60; // seconds that the axis spans at least

export function Charts({ feed, chosen, choose, show, custom }: Props) {
  const theme = useTheme();
  const [cursor, setCursor] = useState<number | null>(null);
  const [log, setLog] = useState(() => localStorage.getItem("latency") !== "linear");
  const { points, target, step, window: w } = feed;
  const now = feed.now();
  const newest = points.at(-1);
  const shadows = shadowNames(points).join("\n");
  const data = useMemo(() => columns(points, gapOf(points, Math.max(step * 3, target?.staleAfter ?? 10)), shadows ? shadows.split("\n") : []), [points, newest, step, shadows]);
  const threshold = target?.objective?.threshold ?? null;
  const list = useMemo(
    () => [rateChart(theme), latencyChart(theme, threshold, log), replicasChart(theme, shadows ? shadows.split("\n") : []), workChart(theme)],
    [theme, threshold, log, shadows],
  );
  const span = shownSpan(w, points[0]?.t, newest?.t ?? now);
  useEffect(() => {
    const out = chosen !== null && w.is !== "past" && (chosen.until < span.from || chosen.at > span.to);
    if (out) show(windowFor(chosen.at, now));
  }, [chosen?.id]);
  const picks = useRef(0);
  const pick = async (t: number) => {
    const nth = ++picks.current;
    const d = await feed.decisionAt(t);
    if (nth === picks.current) choose(d);
  };
  const view: View = {
    now,
    ...span, cursor, mark: chosen?.at ?? null, live: w.is !== "past",
    onZoom: (from, to) => show({ is: "past", from: Math.floor(from), to: Math.ceil(to) }),
    onReset: () => show(usualAt(speed())),
    onCursor: setCursor,
    onPick: (t) => void pick(t),
  };
  return (
    <section class={`charts ${feed.loading ? "loading" : ""}`} aria-label="Charts" aria-busy={feed.loading}>
      <WindowBar window={w} view={span} cursor={cursor} now={now} note={note(feed)} show={show} custom={custom} />
      {points.length === 0 && <p class="no-data">{nothing(feed)}</p>}
      {list.map((chart, i) => (
        <Plot key={chart.id} chart={chart} columns={data} theme={theme} view={view} labels={i === list.length - 1}
          tool={chart.id === "latency" && <ScaleToggle log={log} set={setLog} />} />
      ))}
    </section>
  );
}

function ScaleToggle({ log, set }: { log: boolean; set: (log: boolean) => void }) {
  const toggle = () => {
    localStorage.setItem("latency", log ? "linear" : "log");
    set(!log);
  };
  return <button class="link" onClick={toggle} title="Change the scale of the latency axis">{log ? "linear" : "log"}</button>;
}

function note(feed: TargetFeed): string {
  if (feed.loading) return "loading …";
  return feed.step > 1 && feed.points.length > 0 ? `a point is ${duration(feed.step)}` : "";
}

function nothing(feed: TargetFeed): string {
  if (feed.state.is === "loading" || feed.loading) return "Loading…";
  if (feed.fault) return "This could not be loaded.";
  if (feed.window.is === "live" && !feed.target?.reportAt) return "Waiting for the first measurement…";
  return "Nothing is remembered of this window.";
}

// shownSpan ends at the newest point while the window is live. While there is
// little history the axis starts with it.
function shownSpan(w: Window, first: number | undefined, newest: number): Span {
  if (w.is !== "live") return bounds(w, newest);
  return { from: Math.max(newest - spanOf(w, newest), Math.min(first ?? newest, newest - shortest)), to: newest };
}

// windowFor is the shortest live window that shows an instant, else one of the
// past around it.
function windowFor(t: number, now: number): Window {
  const wide = presets.find((p) => p.span <= 10_800 && t >= now - p.span);
  return wide ? { is: "live", span: wide.span } : around(t, now);
}
