// Pausing, resuming and changing the mode: the buttons, the dialog that says
// what will happen before it asks, and the banner that shows who did it.
import { useRef, useState } from "preact/hooks";
import { clearMode, Refusal, setMode } from "./api";
import { Dialog } from "./dialog";
import { nbsp } from "./format";
import { effects, modes, pauses, standing, title, verb, type Pause, type Wish } from "./modes";
import { Notice, Time } from "./notice";
import type { Target } from "./types";
import { fromLocalInput, localInput } from "./window";

// Start is what a dialog proposes at first.
export type Start = Wish["mode"];

// resume is what ends a pause: back to the document, unless it is the document
// that pauses.
export function resume(t: Target): Start {
  return t.override !== null && t.documentMode !== "Paused" ? "document" : "Apply";
}

export function ModeButtons({ t, open }: { t: Target; open: (start: Start) => void }) {
  const paused = t.mode === "Paused";
  return (
    <span class="mode">
      <b>{paused && <span aria-hidden="true">‖ </span>}{t.mode}</b>
      <button class="button" onClick={() => open(paused ? resume(t) : "Paused")}>{paused ? "Resume…" : "Pause…"}</button>
      <button class="button" onClick={() => open(t.mode)}>Mode…</button>
    </span>
  );
}

// ModeBlank takes the place of the buttons until it is known what they say.
export function ModeBlank() {
  return <span class="mode blank" aria-hidden="true"><b>Apply</b><span class="button">Pause…</span></span>;
}

// Standing tells of a mode that was set by hand, as long as it holds.
export function Standing({ t, now, open }: { t: Target; now: number; open: (start: Start) => void }) {
  const o = t.override;
  if (o === null) return null;
  const { what, left } = standing(o, now);
  return (
    <Notice id="override" calm sign="‖">
      <b>{what}</b> by {o.by || "somebody"} since <Time t={o.at} now={now} />, {left}{o.reason ? <>: “{o.reason}”</> : ""}.{" "}
      {t.mode === "Apply" ? `The document says ${t.documentMode}.` : "Decisions are made and shown, not carried out."}{" "}
      <button class="button" onClick={() => open(resume(t))}>{t.mode === "Paused" ? "Resume…" : `Back to ${t.documentMode}…`}</button>
    </Notice>
  );
}

interface Props {
  t: Target;
  start: Start;
  now: number;
  done: (t: Target) => void;
  close: () => void;
}

export function ModeDialog({ t, start, now, done, close }: Props) {
  const [mode, setChosen] = useState(start);
  const [pause, setPause] = useState<Pause>("15m");
  const [until, setUntil] = useState(() => localInput(now + 7200 - (now % 900)));
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const reason = useRef<HTMLInputElement>(null);
  const wish: Wish = { mode, until: mode === "Paused" ? endOf(pause, until, now) : null };
  const untilWrong = mode === "Paused" && pause === "until" && (wish.until === null || wish.until <= now) ? "The pause must end in the future." : "";

  const submit = async (e: Event) => {
    e.preventDefault();
    if (untilWrong) return;
    setBusy(true);
    try {
      done(wish.mode === "document" ? await clearMode(t.name) : await setMode(t.name, wish.mode, wish.until, reason.current!.value.trim()));
      close();
    } catch (e) {
      setWrong(e instanceof Refusal ? `Refused: ${e.message}.` : "Flyball does not answer: nothing was changed, as far as is known here.");
      setBusy(false);
    }
  };
  return (
    <Dialog id="mode" title={title(t.name, wish)} close={close}>
      <form onSubmit={submit}>
        <fieldset>
          <legend>Mode</legend>
          {modes.map((m) => (
            <Choice key={m.mode} name="mode" checked={mode === m.mode} choose={() => setChosen(m.mode)} words={m.does}>{m.mode}{m.mode === t.mode && " (now)"}:</Choice>
          ))}
          {t.override && <Choice name="mode" checked={mode === "document"} choose={() => setChosen("document")} words={`ends what was set by hand: ${t.documentMode}`}>As the document says:</Choice>}
        </fieldset>
        <fieldset disabled={mode !== "Paused"} class="pause">
          <legend>Pause for</legend>
          {pauses.map((p) => <Choice key={p.key} name="pause" checked={mode === "Paused" && pause === p.key} choose={() => setPause(p.key)}>{p.name}</Choice>)}
          <label>
            <span class="hidden">Pause until</span>
            <input type="datetime-local" id="until" step="60" value={until.slice(0, 16)} disabled={pause !== "until"} onInput={(e) => setUntil(e.currentTarget.value)} aria-describedby="until-wrong" />
          </label>
        </fieldset>
        <label class="reason-field">Why <span class="muted">(optional; it is shown and logged)</span>
          <input ref={reason} id="reason" maxLength={200} disabled={mode === "document"} />
        </label>
        <section class="effects" aria-live="polite">
          <h3>What will happen</h3>
          <ul>{effects(t, wish, now).map((line) => <li key={line}>{line}</li>)}</ul>
        </section>
        <p class="trouble" role="alert" id="until-wrong">{(untilWrong || wrong) && <><span aria-hidden="true">▲</span>{nbsp}{untilWrong || wrong}</>}</p>
        <div class="buttons">
          <button type="button" class="button" onClick={close}>Cancel</button>
          <button class="button primary" disabled={busy || untilWrong !== ""}>{verb(t, wish)}</button>
        </div>
      </form>
    </Dialog>
  );
}

function endOf(pause: Pause, until: string, now: number): number | null {
  if (pause === "open") return null;
  if (pause === "until") return fromLocalInput(until);
  // A whole minute, so that what is said about it stands still for a while.
  return Math.ceil((now + pauses.find((p) => p.key === pause)!.seconds) / 60) * 60;
}

interface ChoiceProps {
  name: string;
  checked: boolean;
  choose: () => void;
  words?: string;
  children: preact.ComponentChildren;
}

function Choice({ name, checked, choose, words, children }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name={name} checked={checked} onChange={choose} /> <span>{children}{words && <span class="muted"> {words}</span>}</span>
    </label>
  );
}
