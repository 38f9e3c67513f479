// What stands above everything else on a page when something is wrong: what,
// since when, what to do.
import type { ComponentChildren } from "preact";
import type { State } from "./connection";
import { duration, fullTime, when } from "./format";
import { staleFor } from "./health";
import type { Condition, Fault, Target } from "./types";

interface NoticeProps {
  children: ComponentChildren;
  id?: string;
  sign?: string;
  calm?: boolean; // nothing is wrong
}

export function Notice({ children, id, sign = "▲", calm = false }: NoticeProps) {
  return <div class={`notice ${calm ? "calm" : ""}`} id={id}><span aria-hidden="true">{sign}</span><p>{children}</p></div>;
}

export function Disconnected({ state, retry }: { state: State; retry: () => void }) {
  if (state.is !== "lost") return null;
  const now = Date.now() / 1000;
  const wait = Math.max(0, Math.ceil(state.retryAt - now));
  return (
    <Notice id="disconnected">
      <b>Disconnected</b> since <Time t={state.since} now={now} />: {state.why || "Flyball does not answer, it may have ended"}. What is shown is from before.{" "}
      <span class="retry">{wait > 0 ? `Trying again in ${wait} s.` : "Trying again …"}</span>{" "}
      <button class="button" onClick={retry}>Try now</button>
    </Notice>
  );
}

// Missing tells of what is not on the page, beside what is.
export function Missing({ fault = "", incomplete = "", retry }: { fault?: string; incomplete?: string; retry: () => void }) {
  const again = <button class="button" onClick={retry}>Try again</button>;
  return (
    <>
      {fault && <Notice id="fault"><b>Not everything could be loaded</b>: {fault}. {again}</Notice>}
      {!fault && incomplete && <Notice id="incomplete"><b>Incomplete</b>: {incomplete}. Only what Flyball still has in memory is shown. {again}</Notice>}
    </>
  );
}

// told leaves out what the target and a guard say in the same words.
function told(conditions: Condition[]): Condition[] {
  return conditions.filter((c, i) => conditions.findIndex((o) => o.type === c.type && o.message === c.message) === i);
}

// Troubles lists what is wrong with a target, worst first.
export function Troubles({ target, now }: { target: Target; now: number }) {
  const stale = staleFor(target, now);
  return (
    <>
      {stale > 0 && (
        <Notice id="stale">
          <b>No report for {duration(stale)}</b>, the last came at <Time t={target.reportAt} now={now} />. The numbers are old; Flyball does not scale down on old data.
          See whether the controller still runs: <code>flyball doctor</code>.
        </Notice>
      )}
      {target.faults.map((f) => <FaultNotice key={f.from} fault={f} now={now} />)}
      {told(target.conditions).map((c) => (
        <Notice key={`${c.type} ${c.message}`}><b>{c.type}</b> since <Time t={c.since} now={now} />: {c.message}</Notice>
      ))}
    </>
  );
}

function FaultNotice({ fault, now }: { fault: Fault; now: number }) {
  const what = {
    target: ["The target cannot be read", "Its count stays as it is until it can."],
    executor: ["The decided count cannot be applied", "Flyball tries again at the next decision."],
  }[fault.from] ?? [`${fault.from} cannot be read`, "Flyball does not scale down on what it cannot see."];
  return <Notice><b>{what[0]}</b> since <Time t={fault.since} now={now} />: {fault.error}. {what[1]}</Notice>;
}

// Time is the time of day, with the day when it is not today's.
export function Time({ t, now }: { t: number; now: number }) {
  return <time dateTime={new Date(t * 1000).toISOString()} title={fullTime(t)}>{when(t, now)}</time>;
}
