// What the pages show, kept current by a connection. A feed changes in place
// and tells its watcher at most once a frame.
import { getDecisions, getSeries, getTarget, getTargets } from "./api";
import { Connection, type State } from "./connection";
import type { Condition, Decision, Fault, Filter, Objective, Point, Replica, Target } from "./types";

abstract class Feed {
  state: State = { is: "loading" };
  version = "";
  protected connection!: Connection;
  private frame = 0;

  constructor(private watcher: () => void) {}

  start(): void {
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
    cancelAnimationFrame(this.frame);
  }

  retryNow(): void {
    this.connection.retryNow();
  }

  // now is the server's time in seconds.
  now(): number {
    return Date.now() / 1000 + (this.connection?.skew ?? 0);
  }

  protected changed(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(this.watcher);
  }

  protected enter(state: State): void {
    this.state = state;
    this.changed();
  }
}

// heard applies an event to a target.
function heard(t: Target, kind: string, data: unknown): void {
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

// addPoint appends a point, or replaces the newest of the same second. One
// from the past was loaded already.
function addPoint(points: Point[], p: Point): void {
  const newest = points.at(-1);
  if (!newest || newest.t < p.t) points.push(p);
  else if (newest.t === p.t) points[points.length - 1] = p;
}

const sparkSpan = 15 * 60; // seconds
const sparkStep = 15;

// OverviewFeed watches all targets.
export class OverviewFeed extends Feed {
  targets: Target[] = [];
  sparks = new Map<string, Point[]>();

  constructor(watcher: () => void) {
    super(watcher);
    this.connection = new Connection("", {
      load: async (signal) => {
        const answer = await getTargets(signal);
        const series = await Promise.all(answer.targets.map((t) => getSeries(t.name, answer.now - sparkSpan, sparkStep, signal)));
        this.targets = answer.targets;
        this.version = answer.version;
        this.sparks = new Map(answer.targets.map((t, i) => [t.name, series[i]!]));
        return answer;
      },
      event: (kind, name, data) => {
        const t = this.targets.find((t) => t.name === name);
        if (!t) return;
        heard(t, kind, data);
        if (kind === "point") this.spark(name, (data as { point: Point }).point);
        this.changed();
      },
      state: (s) => this.enter(s),
    });
  }

  private spark(name: string, p: Point): void {
    const points = this.sparks.get(name) ?? [];
    const newest = points.at(-1);
    if (newest && Math.floor(newest.t / sparkStep) === Math.floor(p.t / sparkStep)) points[points.length - 1] = p;
    else points.push(p);
    while (points.length > 0 && points[0]!.t < p.t - sparkSpan) points.shift();
    this.sparks.set(name, points);
  }
}

// The ranges of the charts and the step at which each is loaded, in seconds.
export const ranges = [
  { span: 300, step: 1, name: "5 min" },
  { span: 900, step: 1, name: "15 min" },
  { span: 3600, step: 2, name: "1 h" },
  { span: 10800, step: 10, name: "3 h" },
] as const;

export type Range = (typeof ranges)[number];

const mostDecisions = 2000;

export function matches(filter: Filter, d: Decision): boolean {
  if (filter === "changes") return d.from !== d.to;
  return filter === "all" || d.steps.some((s) => s.from !== s.to);
}

// TargetFeed watches one target.
export class TargetFeed extends Feed {
  target: Target | null = null;
  points: Point[] = [];
  decisions: Decision[] = []; // that match the filter, newest first
  filter: Filter = "all";
  more = false; // there are older decisions
  range: Range = ranges[1];
  keepFrom = Infinity; // oldest point that is still looked at

  constructor(readonly name: string, watcher: () => void) {
    super(watcher);
    this.connection = new Connection(name, {
      load: async (signal) => {
        const answer = await getTarget(name, signal);
        const [points, decisions] = await Promise.all([
          getSeries(name, answer.now - this.range.span, this.range.step, signal),
          getDecisions(name, this.filter, 0, signal),
        ]);
        this.target = answer.target;
        this.version = answer.version;
        this.points = points;
        this.setDecisions(decisions);
        return answer;
      },
      event: (kind, _, data) => this.event(kind, data),
      state: (s) => this.enter(s),
    });
  }

  async setFilter(filter: Filter): Promise<void> {
    this.filter = filter;
    const decisions = await getDecisions(this.name, filter);
    if (this.filter !== filter) return; // another one was chosen meanwhile
    this.setDecisions(decisions);
    this.changed();
  }

  async loadOlder(): Promise<void> {
    const filter = this.filter;
    const older = await getDecisions(this.name, filter, this.decisions.at(-1)?.id ?? 0);
    if (this.filter !== filter) return;
    this.more = older.length === 100;
    this.decisions.push(...older);
    this.changed();
  }

  async setRange(range: Range): Promise<void> {
    this.range = range;
    const points = await getSeries(this.name, this.now() - range.span, range.step);
    if (this.range !== range) return;
    this.points = points;
    this.changed();
  }

  private setDecisions(decisions: Decision[]): void {
    this.decisions = decisions;
    this.more = decisions.length === 100;
  }

  private event(kind: string, data: unknown): void {
    if (!this.target) return;
    heard(this.target, kind, data);
    if (kind === "point") {
      addPoint(this.points, (data as { point: Point }).point);
      this.forget();
    } else if (kind === "decision") {
      this.addDecision(data as Decision);
    } else if (kind === "applied") {
      const { decision, at, error } = data as { decision?: number; at: number; error?: string };
      const line = this.decisions.find((d) => d.id === decision);
      if (line) line.applied = error ? { at, error } : { at };
    }
    this.changed();
  }

  private addDecision(d: Decision): void {
    if (!matches(this.filter, d)) return;
    const known = this.decisions.findIndex((old) => old.id === d.id);
    if (known >= 0) this.decisions[known] = d;
    else this.decisions.unshift(d);
    this.decisions.length = Math.min(this.decisions.length, mostDecisions);
  }

  // forget drops points out of range, in big strokes.
  private forget(): void {
    const needed = Math.min(this.points.at(-1)!.t - this.range.span, this.keepFrom);
    if (this.points[0]!.t < needed - this.range.span / 4) this.points = this.points.filter((p) => p.t >= needed);
  }
}
