// What the pages show, kept current by a connection. A feed changes in place
// and tells its watcher at most once a frame.
import { Connection, type Handlers, type State } from "./connection";
import { speed } from "./simulation";
import type { Condition, Decision, Fault, Objective, Point, Replica, Target } from "./types";

// simulatedCalm is the least time in ms between two tellings while many of the
// server's seconds pass in one.
const simulatedCalm = 200;

export abstract class Feed {
  state: State = { is: "loading" };
  version = "";
  protected connection: Connection;
  private frame = 0;
  private timer = 0;

  // calm is the least time in ms between two tellings.
  constructor(target: string, private watcher: () => void, protected calm = 0) {
    const handlers: Handlers = {
      load: (signal) => this.load(signal),
      event: (kind, name, data) => this.event(kind, name, data),
      state: (state) => {
        this.state = state;
        this.changed();
      },
    };
    this.connection = new Connection(target, handlers);
  }

  protected abstract load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }>;
  protected abstract event(kind: string, target: string, data: unknown): void;

  start(): void {
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
    cancelAnimationFrame(this.frame);
    window.clearTimeout(this.timer);
  }

  retryNow(): void {
    this.connection.retryNow();
  }

  // now is the server's time in seconds.
  now(): number {
    return this.connection.now();
  }

  protected changed(): void {
    const calm = Math.max(this.calm, speed() > 1 ? simulatedCalm : 0);
    if (calm > 0) {
      this.timer ||= window.setTimeout(() => {
        this.timer = 0;
        this.watcher();
      }, calm);
      return;
    }
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(this.watcher);
  }
}

// heard applies an event to a target.
export function heard(t: Target, kind: string, data: unknown): void {
  switch (kind) {
    case "point": {
      const { point, objective } = data as { point: Point; objective: Objective | null };
      t.point = point;
      t.objective = objective;
      t.reportAt = Math.max(t.reportAt, point.t);
      break;
    }
    case "replicas": {
      const { replicas, conditions } = data as { replicas: Replica[] | null; conditions: Condition[] };
      t.replicas = replicas ?? [];
      t.conditions = conditions;
      break;
    }
    case "decision": {
      const d = data as Decision;
      t.decision = d;
      t.mode = d.mode;
      if (t.override && t.override.until !== null && t.override.until <= d.until) t.override = null;
      if (d.from !== d.to) t.lastChange = d;
      break;
    }
    case "fault": {
      const f = data as Fault;
      t.faults = t.faults.filter((old) => old.from !== f.from);
      if (!f.resolved) t.faults.push(f);
    }
  }
}

// changesTarget lists the events after which a target must be asked for anew:
// they change what the stream does not tell.
export const changesTarget = ["ModeChanged", "Reloaded", "ConditionBegan", "ConditionEnded"];
