// What each chart draws. All share one time axis and one cursor; plot.tsx
// holds what they have in common.
import uPlot from "uplot";
import { shortNames, type Columns } from "./columns";
import { latency, nbsp, perSecond, short } from "./format";
import { hatched, type Theme } from "./theme";

// Mark is how a legend shows a series without relying on its colour.
export type Mark = "line" | "thin" | "area" | "hatch" | "accent" | "dash" | "dots" | "dashdot" | "warning" | "none";

export interface Line {
  label: string;
  full?: string; // of a label that was shortened
  mark: Mark;
  column: (c: Columns) => (number | null)[];
  drawn?: (c: Columns) => (number | null)[]; // where that is not the column
  words: (v: number | null) => string;
  series?: uPlot.Series; // absent: only in the legend
}

export interface Chart {
  id: string;
  title: string;
  unit: string;
  lines: Line[];
  axis: (v: number) => string;
  scale: uPlot.Scale;
  splits?: uPlot.Axis.Splits;
  whole?: boolean; // whole numbers only
  bands?: (theme: Theme) => uPlot.Band[];
  draw?: (u: uPlot, theme: Theme) => void;
}

const steps = uPlot.paths.stepped!({ align: 1 });

// fromZero leaves some air above the highest value.
function fromZero(least: number): uPlot.Scale {
  return { range: (_u, _min, max) => [0, Math.max(least, (max ?? 0) * 1.12)] };
}

export function rateChart(theme: Theme): Chart {
  return {
    id: "rate", title: "Requests", unit: "per second", axis: short, scale: fromZero(1),
    lines: [
      { label: "arriving", mark: "line", column: (c) => c.rate, words: perSecond, series: { stroke: theme.ink, width: 1.5, fill: theme.area } },
      { label: "failed", mark: "warning", column: (c) => c.errors, words: perSecond, series: { stroke: theme.warning, width: 1.5, dash: [2, 2] } },
    ],
  };
}

export function latencyChart(theme: Theme, threshold: number | null, log: boolean): Chart {
  return {
    id: "latency", title: "Latency", unit: log ? "log scale" : "", axis: latency,
    scale: log ? logScale(threshold) : { range: (_u, _min, max) => [0, Math.max((threshold ?? 0) * 1.25, (max ?? 0) * 1.12, 0.001)] },
    ...(log ? { splits: logSplits } : {}),
    lines: [
      { label: "p95", mark: "line", column: (c) => c.p95, words: latency, series: { stroke: overThreshold(theme.ink, theme.warning, threshold), width: 1.75 } },
      { label: "p50", mark: "thin", column: (c) => c.p50, words: latency, series: { stroke: theme.faint, width: 1 } },
      { label: "p99", mark: "dash", column: (c) => c.p99, words: latency, series: { stroke: theme.muted, width: 1, dash: [4, 3] } },
      { label: "too slow or failed", mark: "none", column: (c) => c.bad, words: badShare },
    ],
    ...(threshold === null ? {} : { draw: (u: uPlot, t: Theme) => drawThreshold(u, t, threshold) }),
  };
}

function badShare(v: number | null): string {
  return v === null ? "–" : (v * 100).toPrecision(v > 0 && v < 0.1 ? 2 : 3).replace(/\.?0+$/, "") + nbsp + "%";
}

// dashes tell shadows apart, in the legend as in the chart.
const dashes: [Mark, number[]][] = [["dash", [6, 3]], ["dots", [2, 3]], ["dashdot", [8, 3, 2, 3]]];

export function replicasChart(theme: Theme, shadows: string[]): Chart {
  const names = shortNames(shadows);
  return {
    id: "replicas", title: "Replicas", unit: "", axis: (v) => String(v), scale: fromZero(2), whole: true,
    lines: [
      // Drawn first: the hatched area up to "up", then ready over it.
      { label: "starting", mark: "hatch", column: (c) => c.starting, drawn: (c) => c.up, words: short, series: { stroke: theme.muted, width: 1, paths: steps } },
      { label: "ready", mark: "area", column: (c) => c.ready, words: short, series: { stroke: theme.muted, width: 1, fill: theme.area, paths: steps } },
      ...shadows.map((name, i): Line => ({
        label: `shadow ${names[i]}`, full: name, mark: dashes[i % dashes.length]![0], column: (c) => c.shadows[i] ?? [], words: short,
        series: { stroke: theme.muted, width: 1, dash: dashes[i % dashes.length]![1], paths: steps },
      })),
      { label: "wanted", mark: "accent", column: (c) => c.desired, words: short, series: { stroke: theme.accent, width: 2, paths: steps } },
    ],
    bands: (t) => [{ series: [1, 2], fill: (u) => hatched(u.ctx, t.hatch) }],
  };
}

export function workChart(theme: Theme): Chart {
  return {
    id: "work", title: "In progress", unit: "requests", axis: short, scale: fromZero(4),
    lines: [
      { label: "in all", mark: "line", column: (c) => c.concurrency, words: short, series: { stroke: theme.ink, width: 1.5, fill: theme.area } },
      { label: "held: none ready", mark: "hatch", column: (c) => c.queue, words: short,
        series: { stroke: theme.muted, width: 1, fill: (u: uPlot) => hatched(u.ctx, theme.hatch) } },
    ],
  };
}

// logScale spans the values and always shows the threshold with some room
// around it.
function logScale(threshold: number | null): uPlot.Scale {
  return {
    distr: 3,
    range: (_u, min, max) => {
      const low = min && min > 0 ? min : 0.01;
      const high = max && max > 0 ? max : 1;
      return [Math.min(low * 0.8, (threshold ?? low) / 8), Math.max(high * 1.25, (threshold ?? high) * 2.5)];
    },
  };
}

// logSplits picks 1, 2, 5 × 10ⁿ, or only 1 × 10ⁿ where these stand too close.
const logSplits: uPlot.Axis.Splits = (u, _axis, min, max) => {
  const perDecade = u.height / Math.log10(max / min);
  const digits = perDecade > 84 ? [1, 2, 5] : perDecade > 44 ? [1, 3] : [1];
  const out: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const d of digits) {
      const v = Number((d * 10 ** power).toPrecision(1));
      if (v >= min && v <= max) out.push(v);
    }
  }
  return out;
};

// overThreshold turns the part of a line above the threshold to warning.
function overThreshold(below: string, above: string, threshold: number | null): uPlot.Series.Stroke {
  return (u: uPlot) => {
    if (threshold === null || u.bbox.height === 0 || u.scales.y?.min == null) return below;
    const y = u.valToPos(threshold, "y", true);
    const { top, height } = u.bbox;
    const at = Math.min(1, Math.max(0, (y - top) / height));
    const gradient = u.ctx.createLinearGradient(0, top, 0, top + height);
    for (const [stop, colour] of [[0, above], [at, above], [at, below], [1, below]] as const) gradient.addColorStop(stop, colour);
    return gradient;
  };
}

function drawThreshold(u: uPlot, theme: Theme, threshold: number): void {
  const y = Math.round(u.valToPos(threshold, "y", true)) + 0.5;
  const { left, width } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = theme.ink;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(left + width, y);
  ctx.stroke();
  label(u, theme, `objective ${latency(threshold)}`, left + 5 * devicePixelRatio, y - 4 * devicePixelRatio);
  ctx.restore();
}

// label writes on a patch of the panel's colour, so that lines do not cross it.
export function label(u: uPlot, theme: Theme, text: string, x: number, y: number): void {
  const { ctx } = u;
  ctx.font = theme.font.replace("11px", `${Math.round(11 * devicePixelRatio)}px`);
  const pad = 2 * devicePixelRatio;
  ctx.fillStyle = theme.panel;
  ctx.globalAlpha = 0.85;
  ctx.fillRect(x - pad, y - 10 * devicePixelRatio, ctx.measureText(text).width + 2 * pad, 13 * devicePixelRatio);
  ctx.globalAlpha = 1;
  ctx.fillStyle = theme.ink;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(text, x, y);
}
