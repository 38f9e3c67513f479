// Which window of time is shown, and the ways to another one.
import { useState } from "preact/hooks";
import { Dialog } from "./dialog";
import { between, clock, nbsp, offset, when } from "./format";
import { bounds, fault, fromLocalInput, localInput, presets, shifted, usual, type Span, type Window } from "./window";

interface Props {
  window: Window;
  view: Span;
  cursor: number | null; // time under the pointer
  now: number;
  note: string; // how exact the points are, or that they are on their way
  show: (w: Window) => void;
  custom: () => void;
}

export function WindowBar({ window: w, view, cursor, now, note, show, custom }: Props) {
  const past = w.is === "past";
  return (
    <div class={`toolbar window ${past ? "past" : ""} ${w.is === "live" ? "" : "two"}`}>
      <div class="shown">
        <span class="choices">
          <button aria-label="Earlier" title="Earlier  [" onClick={() => show(shifted(w, -1, now))}>‹</button>
          <button aria-label="Later" title="Later  ]" disabled={!past} onClick={() => show(shifted(w, 1, now))}>›</button>
        </span>
        {past && <b class="tag" id="past">Past</b>}
        <p class="span">{cursor === null ? between(view.from, view.to, now) : <b>{day(view, now) ? when(cursor, now) : clock(cursor)}</b>}</p>
        {w.is !== "live" && <button class="button" id="live" onClick={() => show(usual)}>Back to live</button>}
        <span class="muted note">{note}</span>
      </div>
      <div class="choices" role="group" aria-label="Time range">
        {presets.map((p) => (
          <button key={p.key} aria-pressed={w.is === "live" && w.span === p.span} onClick={() => show({ is: "live", span: p.span })}>{p.name}</button>
        ))}
        <button aria-pressed={w.is !== "live"} onClick={custom}>custom…</button>
      </div>
    </div>
  );
}

// day is true where the time alone does not say which day is meant.
const day = (view: Span, now: number) => when(view.from, now) !== clock(view.from);

interface DialogProps {
  window: Window;
  now: number;
  show: (w: Window) => void;
  close: () => void;
}

export function WindowDialog({ window: w, now, show, close }: DialogProps) {
  const first = bounds(w, now);
  const [from, setFrom] = useState(() => localInput(first.from));
  const [to, setTo] = useState(() => (w.is === "past" ? localInput(first.to) : ""));
  const begin = fromLocalInput(from);
  const end = fromLocalInput(to);
  const wrong = fault(begin, end, now);
  const submit = (e: Event) => {
    e.preventDefault();
    if (wrong || begin === null) return;
    show(end === null || end >= now ? { is: "since", from: begin } : { is: "past", from: begin, to: end });
    close();
  };
  return (
    <Dialog id="window" title="Show a window of time" close={close}>
      <form onSubmit={submit}>
        <div class="fields">
          <label>From <input type="datetime-local" id="from" step="1" value={from} onInput={(e) => setFrom(e.currentTarget.value)} aria-describedby="window-wrong" /></label>
          <label>To <input type="datetime-local" id="to" step="1" value={to} onInput={(e) => setTo(e.currentTarget.value)} aria-describedby="window-wrong to-help" /></label>
        </div>
        <p class="muted" id="to-help">Times in {offset(now)}. Without “To” the window ends now and goes on with what arrives.</p>
        <p class="trouble" role="alert" id="window-wrong">{wrong && <><span aria-hidden="true">▲</span>{nbsp}{wrong}</>}</p>
        <div class="buttons">
          <button type="button" class="button" onClick={close}>Cancel</button>
          <button class="button primary" disabled={wrong !== null}>Show</button>
        </div>
      </form>
    </Dialog>
  );
}
