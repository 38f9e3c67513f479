// One chart: a heading with the values under the cursor, and the canvas.
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { indexAt, span, type Columns } from "./columns";
import { clock, day, when } from "./format";
import { label, type Chart, type Line } from "./plots";
import type { Theme } from "./theme";

// View is what all charts of a page share.
export interface View {
  from: number;
  to: number;
  cursor: number | null; // time under the pointer
  mark: number | null; // instant of the chosen decision
  live: boolean; // it ends now
  now: number;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
  onCursor: (t: number | null) => void;
  onPick: (t: number) => void;
}

interface Props {
  chart: Chart;
  columns: Columns;
  theme: Theme;
  view: View;
  labels: boolean; // of the time axis
  tool?: preact.ComponentChildren;
}

export function Plot({ chart, columns, theme, view, labels, tool }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ view, columns });
  latest.current = { view, columns };

  useEffect(() => {
    const element = box.current!;
    const u = new uPlot(options(chart, theme, labels, element, () => latest.current.view), dataOf(chart, latest.current.columns), element);
    plot.current = u;
    const resized = new ResizeObserver(() => u.setSize({ width: element.clientWidth, height: element.clientHeight }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [chart, theme, labels]);

  useEffect(() => {
    const u = plot.current;
    u?.batch(() => {
      u.setData(dataOf(chart, columns), false);
      u.setScale("x", { min: view.from, max: view.to });
    });
  }, [chart, theme, labels, columns, view.from, view.to]);

  useEffect(() => plot.current?.redraw(false, false), [view.mark]);

  const at = view.cursor ?? view.to;
  const row = indexAt(columns.t, at + 0.5);
  return (
    <figure class={`chart of-${chart.id}`} aria-labelledby={`chart-${chart.id}`}>
      <figcaption>
        <h2 id={`chart-${chart.id}`}>{chart.title} {chart.unit && <span class="unit">{chart.unit}</span>}</h2>
        {tool}
        <Legend lines={chart.lines} columns={columns} row={row} />
        <p class="hidden">{summary(chart, columns, view)}</p>
      </figcaption>
      <div class="plot" ref={box} />
    </figure>
  );
}

function Legend({ lines, columns, row }: { lines: Line[]; columns: Columns; row: number }) {
  return (
    <ul class="legend">
      {lines.map((line) => (
        <li key={line.full ?? line.label} title={line.full}>
          {line.mark !== "none" && <i class={`mark ${line.mark}`} aria-hidden="true" />}
          {line.label} <b>{line.words(line.column(columns)[row] ?? null)}</b>
        </li>
      ))}
    </ul>
  );
}

// summary says in words what the canvas shows; it changes with the data at
// most every 15 s, so a screen reader is left in peace.
function summary(chart: Chart, columns: Columns, view: View): string {
  const to = Math.floor(view.to / 15) * 15;
  const key = useMemo(() => ({}), [chart, to, view.from === view.to]);
  return useMemo(() => {
    const parts = chart.lines.map((line) => {
      const column = line.column(columns);
      const range = span(columns.t, column, view.from, view.to);
      if (!range) return `${line.label}: nothing measured`;
      return `${line.label}: ${view.live ? "now" : "at the end"} ${line.words(column.at(-1) ?? null)}, between ${line.words(range[0])} and ${line.words(range[1])}`;
    });
    return `From ${when(view.from, view.now)} to ${when(view.to, view.now)}. ${parts.join("; ")}.`;
  }, [key]);
}

function dataOf(chart: Chart, c: Columns): uPlot.AlignedData {
  return [c.t, ...chart.lines.filter((l) => l.series).map((l) => (l.drawn ?? l.column)(c))] as uPlot.AlignedData;
}

const axisWidth = 54;
const axisHeight = 20;
const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

function options(chart: Chart, theme: Theme, labels: boolean, box: HTMLElement, view: () => View): uPlot.Options {
  const line = { stroke: theme.grid, width: 1 };
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    padding: [6, 8, labels ? 0 : 4, 0],
    legend: { show: false },
    scales: { x: { time: true, auto: false }, y: chart.scale },
    series: [{}, ...chart.lines.filter((l) => l.series).map((l) => ({ points: { show: false }, ...l.series }))],
    bands: chart.bands?.(theme) ?? [],
    axes: [
      {
        size: labels ? axisHeight : 0, stroke: theme.muted, font: theme.font, grid: line, ticks: { show: false }, gap: 4, space: 90,
        values: (u, splits, _axis, _space, step) => splits.map((t) => (labels && hasRoom(u, t) ? tick(t, step) : "")),
      },
      {
        size: axisWidth, stroke: theme.muted, font: theme.font, grid: line, ticks: { show: false }, gap: 6, space: 26,
        values: (_u, splits) => splits.map((v) => chart.axis(v)),
        ...(chart.splits ? { splits: chart.splits, filter: (_u: uPlot, splits: number[]) => splits } : {}),
        ...(chart.whole ? { incrs: wholeSteps } : {}),
      },
    ],
    cursor: {
      sync: { key: "time", setSeries: false, scales: ["x", null] },
      drag: { x: true, y: false, setScale: false, dist: 5 },
      points: { size: 5, width: 0 },
      y: false,
      bind: { dblclick: () => () => (view().onReset(), null) },
    },
    hooks: {
      ready: [(u) => u.over.addEventListener("click", (e) => view().onPick(u.posToVal(e.offsetX, "x")))],
      setCursor: [(u) => view().onCursor(u.cursor.left !== undefined && u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null)],
      setSelect: [(u) => zoom(u, view())],
      draw: [(u) => chart.draw?.(u, theme), (u) => drawMark(u, theme, view().mark, chart.id === "rate")],
    },
  };
}

// hasRoom is false for a time so near the right end that its label would be
// cut.
function hasRoom(u: uPlot, t: number): boolean {
  const { min, max } = u.scales.x!;
  return min == null || max == null || ((max - t) / (max - min)) * (u.width - axisWidth) > 22;
}

// tick writes a time of day, with seconds where the steps need them, and the
// day at its beginning.
function tick(t: number, step: number): string {
  const time = clock(t);
  if (time === "00:00:00") return day(t);
  return step < 60 ? time : time.slice(0, 5);
}

function zoom(u: uPlot, view: View): void {
  const { left, width } = u.select;
  if (width < 5) return;
  view.onZoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

// drawMark draws the instant of the chosen decision.
function drawMark(u: uPlot, theme: Theme, t: number | null, named: boolean): void {
  const { left, top, width, height } = u.bbox;
  if (t === null) return;
  const x = Math.round(u.valToPos(t, "x", true)) + 0.5;
  if (x < left || x > left + width) return;
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = theme.accent;
  ctx.setLineDash([]);
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  if (named) {
    const text = clock(t);
    const room = left + width - x > 70 * devicePixelRatio;
    label(u, theme, text, room ? x + 5 * devicePixelRatio : x - 62 * devicePixelRatio, top + 12 * devicePixelRatio);
  }
  ctx.restore();
}
