// A connection loads everything once, then listens to events. Whatever goes
// wrong, it loads everything again: first soon, then ever less often.
//
//	load ──> listen ──reset──> load            the first in a minute: at once
//	  ^         │ error                        then after 1 s, 2 s, 4 s … 30 s
//	  └─ pause ─┘ 1 s, 2 s … 10 s
import { isMissing, ping, Refusal, streamAddress } from "./api";
import { speed } from "./simulation";

export type State =
  | { is: "loading" }
  | { is: "live" }
  | { is: "lost"; since: number; retryAt: number; why: string } // why: empty when nobody answers
  | { is: "refused"; why: string; status: number }; // there is no such thing

export interface Handlers {
  load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }>;
  event(kind: string, target: string, data: unknown): void;
  state(state: State): void;
}

const kinds = ["point", "replicas", "decision", "applied", "fault", "event"];
const silence = 25_000; // ms without any event after which the server is asked whether it lives
const longestPause = 10_000; // ms
const longestReset = 30_000; // ms
const calm = 60_000; // ms without a reset after which the next one is the first again

// resetPause is how long to wait before everything is loaded once more, after
// so many resets before this one. A thousand pages that all did so at once
// would keep the server from ever getting well.
export const resetPause = (before: number): number => (before === 0 ? 0 : Math.min(longestReset, 1000 * 2 ** (before - 1)));

export class Connection {
  // The server's clock was at told, in seconds, when the reader's was at toldAt.
  private told = Date.now() / 1000;
  private toldAt = Date.now();
  private state: State = { is: "loading" };
  private source: EventSource | null = null;
  private abort = new AbortController();
  private retry = 0;
  private watch = 0;
  private pause = 1000;
  private heard = 0;
  private resets = 0; // in a row
  private resetAt = -Infinity;

  constructor(private target: string, private handlers: Handlers) {}

  start(): void {
    void this.connect();
    this.watch = window.setInterval(() => void this.checkSilence(), 5000);
  }

  stop(): void {
    this.close();
    window.clearInterval(this.watch);
  }

  retryNow(): void {
    this.close();
    void this.connect();
  }

  // now is the server's time in seconds. That of a simulation stands still when
  // nobody tells it any more.
  now(): number {
    if (speed() !== 1 && this.state.is === "lost") return this.told;
    return this.told + ((Date.now() - this.toldAt) / 1000) * speed();
  }

  // set sets the server's clock.
  private set(now: number): void {
    this.told = now;
    this.toldAt = Date.now();
  }

  private close(): void {
    this.abort.abort();
    this.source?.close();
    this.source = null;
    window.clearTimeout(this.retry);
  }

  private async connect(): Promise<void> {
    const abort = (this.abort = new AbortController());
    try {
      const { now, lastEventId } = await this.handlers.load(abort.signal);
      if (abort.signal.aborted) return;
      this.set(now);
      this.listen(lastEventId);
    } catch (e) {
      if (abort.signal.aborted) return;
      if (isMissing(e)) this.enter({ is: "refused", why: e.message, status: e.status });
      this.retryLater(e instanceof Refusal ? e.message : "");
    }
  }

  private listen(after: string): void {
    const source = (this.source = new EventSource(streamAddress(this.target, after)));
    source.onopen = () => {
      this.pause = 1000;
      this.heard = Date.now();
      this.enter({ is: "live" });
    };
    source.onerror = () => {
      this.close();
      this.retryLater();
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (e) => {
        this.heard = Date.now();
        const { target, data } = JSON.parse((e as MessageEvent<string>).data);
        // Fast clocks drift apart fast.
        if (kind === "point" && speed() !== 1) this.set(data.point.t);
        this.handlers.event(kind, target, data);
      });
    }
    for (const again of ["reset", "targets"]) source.addEventListener(again, () => this.startOver());
  }

  // startOver loads everything again because the server says so.
  private startOver(): void {
    const now = Date.now();
    if (now - this.resetAt > calm) this.resets = 0;
    const pause = resetPause(this.resets++);
    this.resetAt = now;
    if (pause === 0) return this.retryNow();
    this.close();
    this.enter({ is: "lost", since: now / 1000, retryAt: (now + pause) / 1000, why: "the server asks again and again to load everything anew" });
    this.retry = window.setTimeout(() => void this.connect(), pause);
  }

  private retryLater(why = ""): void {
    const now = Date.now();
    if (this.state.is !== "refused") {
      const since = this.state.is === "lost" ? this.state.since : now / 1000;
      this.enter({ is: "lost", since, retryAt: (now + this.pause) / 1000, why });
    }
    this.retry = window.setTimeout(() => void this.connect(), this.pause);
    this.pause = Math.min(longestPause, this.pause * 2);
  }

  // checkSilence finds the connections that died without a word.
  private async checkSilence(): Promise<void> {
    if (this.state.is !== "live" || Date.now() - this.heard < silence) return;
    const source = this.source;
    try {
      await ping();
      this.heard = Date.now();
    } catch {
      if (this.source === source) source?.onerror?.(new Event("error"));
    }
  }

  private enter(state: State): void {
    this.state = state;
    this.handlers.state(state);
  }
}
