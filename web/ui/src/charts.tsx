// The charts of a target under one time axis and one cursor.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { columns, shadowNames } from "./columns";
import { ranges, type TargetFeed } from "./feed";
import { clock } from "./format";
import { useTheme } from "./hooks";
import { onKey } from "./keys";
import { Plot, type View } from "./plot";
import { latencyChart, rateChart, replicasChart, workChart } from "./plots";
import type { Decision } from "./types";

interface Props {
  feed: TargetFeed;
  chosen: Decision | null;
  choose: (d: Decision | null) => void;
}

interface Span {
  from: number;
  to: number;
}

const shortest = 60; // seconds that the axis spans at least

export function Charts({ feed, chosen, choose }: Props) {
  const theme = useTheme();
  const [zoom, setZoom] = useState<Span | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const [log, setLog] = useState(() => localStorage.getItem("latency") !== "linear");
  const { points, target, range } = feed;
  feed.keepFrom = zoom?.from ?? Infinity;
  const newest = points.at(-1);
  const shadows = shadowNames(points).join("\n");
  const data = useMemo(() => columns(points, Math.max(range.step * 3, target?.staleAfter ?? 10), shadows ? shadows.split("\n") : []), [points, newest, range, shadows]);
  const threshold = target?.objective?.threshold ?? null;
  const list = useMemo(
    () => [rateChart(theme), latencyChart(theme, threshold, log), replicasChart(theme, shadows ? shadows.split("\n") : []), workChart(theme)],
    [theme, threshold, log, shadows],
  );
  const live = liveSpan(points[0]?.t, newest?.t ?? feed.now(), range.span);
  useEffect(() => onKey((e) => {
    if (e.key === "Escape") setZoom(null);
  }), []);
  useEffect(() => {
    if (chosen) show(chosen.at, zoom ?? live, feed, setZoom);
  }, [chosen?.id]);
  const view: View = {
    ...(zoom ?? live), cursor, mark: chosen?.at ?? null,
    onZoom: (from, to) => setZoom({ from, to }),
    onReset: useCallback(() => setZoom(null), []),
    onCursor: setCursor,
    onPick: (t) => choose(inForce(feed.decisions, t)),
  };
  return (
    <section class="charts" aria-label="Charts">
      <div class="toolbar">
        <p class="span">
          {cursor === null ? `${clock(view.from)} – ${clock(view.to)}` : <b>{clock(cursor)}</b>}
          {zoom && <button class="button" onClick={() => setZoom(null)}>Back to live</button>}
        </p>
        <div class="choices" role="group" aria-label="Time range">
          {ranges.map((r) => (
            <button key={r.name} aria-pressed={r === range} onClick={() => { setZoom(null); void feed.setRange(r); }}>{r.name}</button>
          ))}
        </div>
      </div>
      {points.length === 0 && <p class="no-data">{feed.state.is === "loading" ? "Loading…" : "Waiting for the first measurement…"}</p>}
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

// liveSpan ends at the newest point. While there is little history the axis
// starts with it.
function liveSpan(first: number | undefined, to: number, span: number): Span {
  return { from: Math.max(to - span, Math.min(first ?? to, to - shortest)), to };
}

// show moves the charts to an instant that they do not show.
function show(t: number, span: Span, feed: TargetFeed, setZoom: (s: Span | null) => void): void {
  if (t >= span.from && t <= span.to) return;
  const newest = feed.points.at(-1)?.t ?? feed.now();
  if (t > newest) return;
  if (t >= newest - feed.range.span) {
    setZoom(null);
    return;
  }
  const wide = ranges.find((r) => t >= newest - r.span);
  if (wide) {
    setZoom(null);
    void feed.setRange(wide);
  }
}

// inForce is the newest of the listed decisions made at or before t.
function inForce(decisions: Decision[], t: number): Decision | null {
  return decisions.find((d) => d.at <= t) ?? decisions.at(-1) ?? null;
}
