// Draws the timelines, and lets the reader choose what to compare. Every
// string of the report enters the page as text, never as markup.
(() => {
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

const data = JSON.parse($("#timelines")?.textContent ?? '{"traces":[]}');
const shown = new Set(data.shown ?? []);
let quantity = "ready";

// unflatten reads [time since the point before, value, …].
function unflatten(flat) {
  const t = [], v = [];
  for (let i = 0, now = 0; i < (flat ?? []).length; i += 2) {
    t.push((now += flat[i]));
    v.push(flat[i + 1]);
  }
  return { t, v };
}

// before is the index of the last point at or before an instant, or -1.
function before(series, at) {
  let low = 0, high = series.t.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (series.t[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

const valueAt = (series, at) => { const i = before(series, at); return i < 0 ? undefined : series.v[i]; };

const short = (v) => v >= 1e6 ? +(v / 1e6).toPrecision(3) + " M" : v >= 1e4 ? +(v / 1e3).toPrecision(3) + " k" : (+v.toPrecision(4)).toLocaleString("en");
const latency = (ms) => ms >= 1000 ? +(ms / 1000).toPrecision(3) + "\u00a0s" : +ms.toPrecision(3) + "\u00a0ms";

// steps are round numbers between two others, about as many as asked for.
function steps(low, high, about) {
  const rough = (high - low) / about || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough) * power;
  const all = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) all.push(+v.toPrecision(12));
  return all;
}

function decades(low, high) {
  const all = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++)
    for (const m of high / low > 60 ? [1] : [1, 2, 5]) if (m * 10 ** p >= low && m * 10 ** p <= high) all.push(m * 10 ** p);
  return all;
}

// Times count from the beginning, or are the reader's own where it is known
// when the trace was recorded.
const lengths = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
function clock(seconds, step, start) {
  if (start) {
    const when = new Date(start + seconds * 1000), two = (n) => String(n).padStart(2, "0");
    const time = two(when.getHours()) + ":" + two(when.getMinutes()) + (step < 60 ? ":" + two(when.getSeconds()) : "");
    const day = when.getFullYear() + "-" + two(when.getMonth() + 1) + "-" + two(when.getDate());
    return step >= 86400 ? day : step === 0 || time === "00:00" ? day + " " + time : time;
  }
  const s = Math.round(seconds), parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  return parts.filter(([n]) => n).map(([n, unit]) => n + "\u00a0" + unit).join(" ") || "0";
}
function zone(start) {
  const offset = -new Date(start).getTimezoneOffset(), two = (n) => String(n).padStart(2, "0");
  return "UTC" + (offset < 0 ? "−" : "+") + two(Math.abs(offset) / 60 | 0) + ":" + two(Math.abs(offset) % 60);
}

const left = 56, right = 10;
// heights of the panels, and the room below each: the last one has the times.
const screen = [74, 166, 128], paper = [54, 120, 94], foot = [6, 6, 18];
let heights = screen;

function chart(figure) {
  const trace = data.traces[figure.dataset.trace], unit = trace.unit;
  const load = unflatten(trace.load), demand = unflatten(trace.demand), oracle = unflatten(trace.oracle);
  const lines = trace.lines.map((l) => ({ policy: l.policy, ready: unflatten(l.ready), desired: unflatten(l.desired), billed: unflatten(l.billed), p95: unflatten(l.p95) }));
  const pad = $(".pad", figure), at = $(".at", figure), whole = $(".whole", figure), panels = $$(".panel", figure);
  const SVG = panels[0].namespaceURI;
  let from = 0, to = trace.length, cursor = null, drag = null, width = 0, shutter = 0;

  const x = (t) => left + (t - from) / (to - from) * (width - left - right);
  const timeAt = (px) => Math.min(to, Math.max(from, from + (px - left) / (width - left - right) * (to - from)));
  const drawnLines = () => lines.filter((l) => shown.has(l.policy));

  function add(parent, name, attributes, text) {
    const e = document.createElementNS(SVG, name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    return parent.appendChild(e);
  }

  // path draws a line over what is to be seen, in steps or from point to point;
  // a value below zero is none.
  function path(series, y, stepped, closed) {
    let d = "", open = false, start = 0, px = 0;
    const base = y.base;
    for (let i = Math.max(0, before(series, from)); i < series.t.length; i++) {
      const v = series.v[i];
      px = x(Math.min(Math.max(series.t[i], stepped ? from : -Infinity), to + (stepped ? 0 : to - from)));
      if (v < 0) {
        if (open && closed) d += `V${base}H${start}Z`;
        open = false;
      } else if (!open) {
        d += `M${px.toFixed(1)} ${y(v).toFixed(1)}`;
        open = true;
        start = px.toFixed(1);
      } else {
        d += stepped ? `H${px.toFixed(1)}V${y(v).toFixed(1)}` : `L${px.toFixed(1)} ${y(v).toFixed(1)}`;
      }
      if (series.t[i] > to) break;
    }
    if (open && stepped) d += `H${x(to).toFixed(1)}`;
    if (open && closed) d += `V${base}H${start}Z`;
    return d;
  }

  // extent is the lowest and highest value that is to be seen.
  function extent(all) {
    let low = Infinity, high = -Infinity;
    for (const s of all)
      for (let i = Math.max(0, before(s, from)); i < s.t.length && s.t[i] <= to; i++)
        if (s.v[i] >= 0) { low = Math.min(low, s.v[i]); high = Math.max(high, s.v[i]); }
    return [low, high];
  }

  function frame(i, y, ticks, write) {
    const svg = panels[i], height = heights[i], bottom = foot[i];
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const v of ticks) {
      add(svg, "path", { class: "grid", d: `M${left} ${y(v).toFixed(1)}H${width - right}` });
      add(svg, "text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, write(v));
    }
    const seconds = (to - from) * unit, room = trace.start ? 118 : 86;
    const step = lengths.find((l) => l * (width - left - right) / seconds >= room) ?? 604800;
    const zero = trace.start ? -(((trace.start / 1000) - new Date(trace.start).getTimezoneOffset() * 60) % step) : 0;
    for (let s = zero + Math.ceil((from * unit - zero) / step) * step; s <= to * unit + 1e-6; s += step) {
      const px = x(s / unit);
      add(svg, "path", { class: "grid", d: `M${px.toFixed(1)} 4V${height - bottom}` });
      if (i === 2) add(svg, "text", { x: px, y: height - 4, "text-anchor": px > width - 40 ? "end" : "middle" }, clock(s, step, trace.start));
    }
    for (const gap of trace.gaps ?? []) {
      const a = Math.max(x(gap.from), left), b = Math.min(x(gap.to), width - right);
      if (b > a) add(add(svg, "rect", { class: "gap", x: a, y: 4, width: b - a, height: height - bottom - 4 }), "title", {}, "not scored: " + gap.why);
    }
    const clip = add(add(svg, "defs", {}), "clipPath", { id: svg.classList[1] + figure.dataset.trace });
    add(clip, "rect", { x: left, y: 0, width: width - left - right, height });
    return add(svg, "g", { "clip-path": `url(#${clip.id})` });
  }

  // scale maps values to a panel; it begins at zero unless it is logarithmic.
  function scale(i, low, high, log) {
    const place = log ? Math.log : (v) => v, a = place(low), b = place(high), height = heights[i], bottom = foot[i];
    const y = (v) => height - bottom - (place(Math.max(v, low)) - a) / (b - a || 1) * (height - bottom - 8);
    y.base = height - bottom;
    return y;
  }

  function draw() {
    shutter = 0;
    if (!width) return;
    let [, high] = extent([load]);
    let y = scale(0, 0, Math.max(high, 1) * 1.06);
    let g = frame(0, y, steps(0, Math.max(high, 1), 3), short);
    add(g, "path", { class: "loadarea", d: path(load, y, true, true) });

    const counts = [demand, oracle, ...drawnLines().map((l) => l[quantity])];
    [, high] = extent(counts);
    y = scale(1, 0, Math.max(high, 1) * 1.06);
    g = frame(1, y, steps(0, Math.max(high, 1), 5).filter(Number.isInteger), short);
    add(g, "path", { class: "demand", d: path(demand, y, true, true) });
    add(g, "path", { class: "oracle", d: path(oracle, y, true) });
    for (const l of drawnLines()) add(g, "path", { class: `line p${l.policy % 8}`, d: path(l[quantity], y, true) });

    let [low, top] = extent(drawnLines().map((l) => l.p95));
    low = Math.min(low, data.threshold || Infinity, 1e6) / 1.3;
    top = Math.max(top, data.threshold || 0, low * 2) * 1.3;
    y = scale(2, low, top, true);
    g = frame(2, y, decades(low, top), latency);
    for (const l of drawnLines()) add(g, "path", { class: `line p${l.policy % 8}`, d: path(l.p95, y) });
    if (data.threshold) {
      add(g, "path", { class: "limit", d: `M${left} ${y(data.threshold).toFixed(1)}H${width - right}` });
      add(panels[2], "text", { class: "warn", x: width - right - 4, y: y(data.threshold) - 4, "text-anchor": "end" }, "threshold " + latency(data.threshold));
    }
    panels.forEach((svg, i) => {
      svg.band = add(svg, "rect", { class: "chosen", y: 4, height: heights[i] - foot[i] - 4, width: 0 });
      svg.hair = add(svg, "path", { class: "cursor", d: "" });
    });
    whole.disabled = from === 0 && to === trace.length;
    point();
  }
  const redraw = () => { shutter ||= requestAnimationFrame(draw); };

  // point moves the cursor and tells what is there, in all panels and in the
  // legend.
  function point() {
    const there = cursor !== null && cursor >= from && cursor <= to;
    const [a, b] = drag ? [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)] : [0, 0];
    panels.forEach((svg, i) => {
      svg.hair.setAttribute("d", there ? `M${x(cursor).toFixed(1)} 4V${heights[i] - foot[i]}` : "");
      svg.band.setAttribute("x", a);
      svg.band.setAttribute("width", b - a);
    });
    for (const out of $$("output", figure)) out.value = there ? tell(out.dataset) : "";
    const seen = clock(from * unit, 0, trace.start) + " to " + clock(to * unit, 0, trace.start) + (trace.start ? " " + zone(trace.start) : "");
    at.textContent = there ? "At " + clock(cursor * unit, 0, trace.start) : seen;
  }

  function tell(of) {
    if (of.fixed === "load") return short(valueAt(load, cursor) ?? 0) + "/s";
    if (of.fixed) return String(valueAt(of.fixed === "demand" ? demand : oracle, cursor) ?? "–");
    const l = lines.find((l) => l.policy === +of.policy), ms = valueAt(l.p95, cursor);
    return (valueAt(l[quantity], cursor) ?? "–") + " · " + (ms >= 0 ? latency(ms) : "–");
  }

  function zoom(a, b) {
    const least = Math.min(trace.length, 20), middle = (a + b) / 2, half = Math.max(b - a, least) / 2;
    from = Math.max(0, middle - half);
    to = Math.min(trace.length, middle + half);
    redraw();
  }

  const place = (event) => Math.min(width - right, Math.max(left, event.clientX - panels[0].getBoundingClientRect().left));
  for (const svg of panels) {
    svg.addEventListener("pointerdown", (e) => {
      if (e.button) return;
      svg.setPointerCapture(e.pointerId);
      drag = { from: place(e), to: place(e) };
    });
    svg.addEventListener("pointermove", (e) => {
      if (!width) return;
      if (drag) drag.to = place(e);
      cursor = timeAt(place(e));
      point();
    });
    svg.addEventListener("pointerup", () => {
      const d = drag;
      drag = null;
      if (d && Math.abs(d.to - d.from) > 5) zoom(timeAt(Math.min(d.from, d.to)), timeAt(Math.max(d.from, d.to)));
      else point();
    });
    svg.addEventListener("pointercancel", () => { drag = null; point(); });
    svg.addEventListener("pointerleave", () => { if (!drag) { cursor = null; point(); } });
    svg.addEventListener("dblclick", () => zoom(0, trace.length));
  }
  whole.addEventListener("click", () => { zoom(0, trace.length); pad.focus(); });
  pad.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const span = to - from, middle = cursor ?? (from + to) / 2;
    const move = (by) => {
      cursor = Math.min(trace.length, Math.max(0, middle + by * span));
      if (cursor < from || cursor > to) { const shift = cursor < from ? cursor - from : cursor - to; from += shift; to += shift; redraw(); }
      else point();
    };
    const big = e.shiftKey ? 0.1 : 0.01;
    const keys = {
      ArrowLeft: () => move(-big), ArrowRight: () => move(big),
      "+": () => zoom(middle - span / 4, middle + span / 4), "=": () => zoom(middle - span / 4, middle + span / 4),
      "-": () => zoom(middle - span, middle + span), "0": () => zoom(0, trace.length), Escape: () => { cursor = null; zoom(0, trace.length); },
    };
    if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
  });

  return {
    redraw,
    // fit draws for a width, that of the page unless another is given.
    fit(of) {
      width = of ?? pad.clientWidth;
      draw();
    },
    ticks() {
      for (const box of $$("input[type=checkbox]", figure)) box.checked = shown.has(+box.value);
      for (const word of $$(".quantity", figure)) word.textContent = quantity;
    },
  };
}

const charts = [];
for (const figure of $$(".trace")) {
  const box = $(".charts", figure);
  if (!box) continue;
  box.hidden = false;
  const c = chart(figure);
  charts.push(c);
  new ResizeObserver(() => c.fit()).observe($(".pad", figure));
  $(".legend", figure).addEventListener("change", (e) => {
    if (e.target.checked) shown.add(+e.target.value); else shown.delete(+e.target.value);
    update();
  });
}
const update = () => charts.forEach((c) => { c.ticks(); c.redraw(); });

const quantities = $("#quantities");
if (quantities && charts.length) {
  quantities.hidden = false;
  quantities.addEventListener("change", (e) => { quantity = e.target.value; update(); });
}

// One comparison at a time; the timelines follow it.
const candidate = $("#candidate");
if (candidate) {
  const all = $$(".comparison");
  const choose = () => all.forEach((c, i) => { c.hidden = i !== candidate.selectedIndex; });
  candidate.closest("label").hidden = false;
  candidate.addEventListener("change", () => {
    choose();
    shown.clear();
    for (const p of all[candidate.selectedIndex].dataset.pair.split(" ")) shown.add(+p);
    update();
  });
  choose();
}

// On paper a chart is as wide as the text of an A4 page, and so low that two
// traces fit on it.
addEventListener("beforeprint", () => { heights = paper; charts.forEach((c) => c.fit(690)); });
addEventListener("afterprint", () => { heights = screen; charts.forEach((c) => c.fit()); });
})();
