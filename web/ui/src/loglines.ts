// The lines of a target's log: decisions and events in one order of time.
import { kindOf } from "./events";
import type { Decision, Filter, FlyballEvent } from "./types";

export interface LogLine {
  at: number;
  d?: Decision;
  e?: FlyballEvent;
}

interface Log {
  decisions: Decision[];
  events: FlyballEvent[];
  filter: Filter;
  older: { decisions: boolean }; // whether there are more
}

// logLines puts both in order, newest first. Events older than the oldest
// decision loaded wait until older ones are asked for.
export function logLines({ decisions, events, filter, older }: Log): LogLine[] {
  const lines: LogLine[] = filter === "events" ? [] : decisions.map((d) => ({ at: d.at, d }));
  if (filter === "changes" || filter === "held") return lines;
  const oldest = filter === "all" && older.decisions ? (decisions.at(-1)?.at ?? 0) : 0;
  for (const e of events) if (e.at >= oldest) lines.push({ at: e.at, e });
  return lines.sort((a, b) => b.at - a.at);
}

export function contains({ d, e }: LogLine, search: string): boolean {
  if (search === "") return true;
  const words = d
    ? [d.reason.text, d.setBy, d.recommendation.reason.text, `${d.from} → ${d.to}`, ...d.steps.filter((s) => s.from !== s.to).map((s) => `${s.guard} ${s.reason.text}`)]
    : [e!.message, e!.by ?? "", kindOf(e!.type).words];
  return words.join(" ").toLowerCase().includes(search.toLowerCase());
}
