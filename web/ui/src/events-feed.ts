// What happened beside decisions, of all targets or of one.
import { getEvents, getTargets, pageSize } from "./api";
import { Feed } from "./feed";
import type { FlyballEvent } from "./types";

const mostEvents = 5000;

export class EventsFeed extends Feed {
  events: FlyballEvent[] = []; // newest first
  names: string[] = []; // of the targets
  more = false;
  private asked = 0;

  constructor(private target: string, watcher: () => void) {
    super("", watcher);
  }

  protected async load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }> {
    const answer = await getTargets(signal);
    this.names = answer.targets.map((t) => t.name);
    this.version = answer.version;
    this.events = await getEvents(this.target, {}, signal);
    this.more = this.events.length === pageSize;
    return answer;
  }

  async loadOlder(): Promise<void> {
    const asked = ++this.asked;
    const older = await getEvents(this.target, { before: this.events.at(-1)?.id ?? 0 });
    if (asked !== this.asked) return;
    this.more = older.length === pageSize;
    this.events.push(...older);
    this.changed();
  }

  protected event(kind: string, _: string, data: unknown): void {
    if (kind !== "event") return;
    const e = data as FlyballEvent;
    if (this.target !== "" && e.target !== this.target) return;
    if (!this.events.some((old) => old.id === e.id)) this.events.unshift(e);
    this.events.length = Math.min(this.events.length, mostEvents);
    this.changed();
  }
}
