// What happened beside decisions, of all targets or of one.
import { getEvents, getTargets, isMissing, pageSize, Refusal, whyNot } from "./api";
import { Feed } from "./feed";
import { Pages } from "./pages";
import type { FlyballEvent } from "./types";

export class EventsFeed extends Feed {
  names: string[] = []; // of the targets
  fault = ""; // why something did not come
  incomplete = ""; // why what came is not all there is
  private happened = new Pages<FlyballEvent>();

  constructor(private target: string, watcher: () => void) {
    super("", watcher);
  }

  // events are newest first.
  get events(): FlyballEvent[] {
    return this.happened.items;
  }

  get more(): boolean {
    return this.happened.next !== null;
  }

  protected async load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }> {
    const answer = await getTargets(signal);
    this.names = answer.targets.map((t) => t.name);
    this.version = answer.version;
    try {
      const page = await getEvents(this.target, { limit: pageSize }, signal);
      this.happened.start(page);
      this.incomplete = page.incomplete;
      this.fault = "";
    } catch (e) {
      if (isMissing(e) || !(e instanceof Refusal)) throw e;
      this.fault = whyNot(e);
    }
    return answer;
  }

  async loadOlder(): Promise<void> {
    this.fault = "";
    try {
      const incomplete = await this.happened.older((before) => getEvents(this.target, { limit: pageSize, before }));
      if (incomplete) this.incomplete = incomplete;
    } catch (e) {
      this.fault = whyNot(e);
    }
    this.changed();
  }

  protected event(kind: string, _: string, data: unknown): void {
    if (kind !== "event") return;
    const e = data as FlyballEvent;
    if (this.target !== "" && e.target !== this.target) return;
    this.happened.add(e);
    this.changed();
  }
}
