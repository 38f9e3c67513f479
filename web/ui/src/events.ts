// Events in words: what a type means, and how it is shown without relying on
// colour.
import type { FlyballEvent } from "./types";

export interface EventKind {
  sign: string;
  words: string;
  bad?: boolean;
}

export const eventKinds: Record<string, EventKind> = {
  ControllerStarted: { sign: "▶", words: "Flyball started" },
  ControllerStopped: { sign: "■", words: "Flyball stopped" },
  Reloaded: { sign: "⟳", words: "document reloaded" },
  ReloadRefused: { sign: "▲", words: "reload refused", bad: true },
  ModeChanged: { sign: "◆", words: "mode changed" },
  ScaledUp: { sign: "↑", words: "scaled up" },
  ScaledDown: { sign: "↓", words: "scaled down" },
  ScaleFailed: { sign: "▲", words: "scaling failed", bad: true },
  FaultBegan: { sign: "▲", words: "fault began", bad: true },
  FaultEnded: { sign: "✓", words: "fault ended" },
  ConditionBegan: { sign: "△", words: "condition began", bad: true },
  ConditionEnded: { sign: "✓", words: "condition ended" },
  ReplicaEnded: { sign: "!", words: "replica ended" },
  AdviceGiven: { sign: "❝", words: "advice" },
  AdviceFailed: { sign: "△", words: "no advice", bad: true },
};

// kindOf knows also the types of a newer server.
export function kindOf(type: string): EventKind {
  return eventKinds[type] ?? { sign: "•", words: type.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase() };
}

// byWords says who did it; Flyball itself is not worth a word.
export function byWords(e: FlyballEvent): string {
  return e.by ? `by ${e.by}` : "";
}
