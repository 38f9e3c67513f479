// What stands above everything else on a page when something is wrong: what,
// since when, what to do.
import type { ComponentChildren } from "preact";
import type { State } from "./connection";
import { clock, duration, fullTime } from "./format";
import { staleFor } from "./health";
import type { Fault, Target } from "./types";

interface NoticeProps {
  children: ComponentChildren;
  id?: string;
}

export function Notice({ children, id }: NoticeProps) {
  return <p class="notice" id={id}><span aria-hidden="true">▲</span><span>{children}</span></p>;
}

export function Disconnected({ state, retry }: { state: State; retry: () => void }) {
  if (state.is !== "lost") return null;
  const wait = Math.max(0, Math.ceil(state.retryAt - Date.now() / 1000));
  return (
    <Notice id="disconnected">
      <b>Disconnected</b> since <Time t={state.since} />: Flyball does not answer, it may have ended. What is shown is from before.{" "}
      <span class="retry">{wait > 0 ? `Trying again in ${wait} s.` : "Trying again …"}</span>{" "}
      <button class="button" onClick={retry}>Try now</button>
    </Notice>
  );
}

// Troubles lists what is wrong with a target, worst first.
export function Troubles({ target, now }: { target: Target; now: number }) {
  const stale = staleFor(target, now);
  return (
    <>
      {stale > 0 && (
        <Notice id="stale">
          <b>No report for {duration(stale)}</b>, the last came at <Time t={target.reportAt} />. The numbers are old; Flyball does not scale down on old data.
          See whether the controller still runs: <code>flyball doctor</code>.
        </Notice>
      )}
      {target.faults.map((f) => <FaultNotice key={f.from} fault={f} />)}
      {target.conditions.map((c) => (
        <Notice key={c.type}><b>{c.type}</b> since <Time t={c.since} />: {c.message}</Notice>
      ))}
    </>
  );
}

function FaultNotice({ fault }: { fault: Fault }) {
  const what = {
    target: ["The target cannot be read", "Its count stays as it is until it can."],
    executor: ["The decided count cannot be applied", "Flyball tries again at the next decision."],
  }[fault.from] ?? [`${fault.from} cannot be read`, "Flyball does not scale down on what it cannot see."];
  return <Notice><b>{what[0]}</b> since <Time t={fault.since} />: {fault.error}. {what[1]}</Notice>;
}

export function Time({ t }: { t: number }) {
  return <time dateTime={new Date(t * 1000).toISOString()} title={fullTime(t)}>{clock(t)}</time>;
}
