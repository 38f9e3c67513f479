// One decision, asked for again while it is the newest: the next one may come,
// and what became of it.
import { getDecision, isMissing, Refusal } from "./api";
import type { State } from "./connection";
import type { DecisionAnswer } from "./types";

const again = 3000; // ms

export class DecisionFeed {
  state: State = { is: "loading" };
  answer: DecisionAnswer | null = null;
  private timer = 0;
  private abort = new AbortController();

  constructor(private name: string, private id: number, private watcher: () => void) {}

  start(): void {
    void this.load();
  }

  stop(): void {
    this.abort.abort();
    window.clearTimeout(this.timer);
  }

  retryNow(): void {
    this.stop();
    this.start();
  }

  // show asks for another decision; what is there stays until it has come.
  show(id: number): void {
    if (id === this.id) return;
    this.id = id;
    this.retryNow();
  }

  private async load(): Promise<void> {
    const abort = (this.abort = new AbortController());
    try {
      const answer = await getDecision(this.name, this.id, abort.signal);
      if (abort.signal.aborted) return;
      this.answer = answer;
      this.state = { is: "live" };
      if ((answer.next ?? null) === null) this.later();
    } catch (e) {
      if (abort.signal.aborted) return;
      this.state = isMissing(e) ? { is: "refused", why: e.message, status: e.status } : this.lost(e instanceof Refusal ? e.message : "");
      this.later();
    }
    this.watcher();
  }

  private lost(why: string): State {
    const now = Date.now() / 1000;
    return { is: "lost", since: this.state.is === "lost" ? this.state.since : now, retryAt: now + again / 1000, why };
  }

  private later(): void {
    this.timer = window.setTimeout(() => void this.load(), again);
  }
}
