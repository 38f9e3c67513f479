// What the page of one target shows: the target as it is now, and points,
// decisions and events of the window that is looked at.
import { getDecisions, getEvents, getSeries, getTarget, pageSize, type Page } from "./api";
import { Buckets } from "./buckets";
import { changesTarget, Feed, heard } from "./feed";
import type { Decision, Filter, FlyballEvent, Point, Target } from "./types";
import { bounds, spanOf, stepFor, type Window } from "./window";

const mostDecisions = 2000;

export function matches(filter: Filter, d: Decision): boolean {
  if (filter === "changes") return d.from !== d.to;
  return filter === "all" || d.steps.some((s) => s.from !== s.to);
}

// told leaves out the events that decisions tell better.
const told = (e: FlyballEvent) => e.type !== "ScaledUp" && e.type !== "ScaledDown";

export class TargetFeed extends Feed {
  target: Target | null = null;
  points: Point[] = [];
  step = 1; // seconds that a point stands for
  decisions: Decision[] = []; // of the window that match the filter, newest first
  events: FlyballEvent[] = []; // of the window, newest first
  filter: Filter = "all";
  more = false; // there are older decisions
  loading = false; // another window or filter is on its way
  fault = ""; // why it did not come
  private buckets = new Buckets(1);
  private asked = 0; // the newest question; answers to older ones are dropped

  constructor(readonly name: string, public window: Window, watcher: () => void) {
    super(name, watcher);
  }

  protected async load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }> {
    const answer = await getTarget(this.name, signal);
    await this.loadWindow(answer.now, signal);
    this.target = answer.target;
    this.version = answer.version;
    return answer;
  }

  // show looks at another window; what was there stays until it has come.
  show(window: Window): void {
    this.window = window;
    void this.again(() => this.loadWindow(this.now()));
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    void this.again(() => this.loadDecisions());
  }

  async loadOlder(): Promise<void> {
    const before = this.decisions.at(-1)?.id ?? 0;
    const asked = ++this.asked;
    const older = await getDecisions(this.name, this.filter, { ...this.page(), before });
    if (asked !== this.asked) return;
    this.more = older.length === pageSize;
    this.decisions.push(...older);
    this.changed();
  }

  private async again(load: () => Promise<void>): Promise<void> {
    this.loading = true;
    this.fault = "";
    this.changed();
    try {
      await load();
    } catch (e) {
      this.fault = e instanceof Error ? e.message : String(e);
      this.loading = false;
    }
    this.changed();
  }

  private async loadWindow(now: number, signal?: AbortSignal): Promise<void> {
    const asked = ++this.asked;
    const { from, to } = bounds(this.window, now);
    const step = stepFor(spanOf(this.window, now));
    const [series, decisions, events] = await Promise.all([
      getSeries(this.name, from, this.window.is === "past" ? to : 0, step, signal),
      this.matching(signal),
      getEvents(this.name, this.page(), signal),
    ]);
    if (asked !== this.asked) return;
    this.points = series.points;
    this.step = series.step;
    this.buckets = new Buckets(series.step);
    this.events = events.filter(told);
    this.setDecisions(decisions);
  }

  private async loadDecisions(): Promise<void> {
    const asked = ++this.asked;
    const decisions = await this.matching();
    if (asked === this.asked) this.setDecisions(decisions);
  }

  private async matching(signal?: AbortSignal): Promise<Decision[]> {
    return this.filter === "events" ? [] : getDecisions(this.name, this.filter, this.page(), signal);
  }

  private setDecisions(decisions: Decision[]): void {
    this.decisions = decisions;
    this.more = decisions.length === pageSize;
    this.loading = false;
  }

  private page(): Page {
    return this.window.is === "past" ? { from: this.window.from, to: this.window.to } : {};
  }

  protected event(kind: string, _: string, data: unknown): void {
    if (!this.target) return;
    heard(this.target, kind, data);
    const live = this.window.is !== "past";
    if (kind === "point" && live) this.addPoint((data as { point: Point }).point);
    else if (kind === "decision" && live) this.addDecision(data as Decision);
    else if (kind === "applied") this.addApplied(data as { decision?: number; at: number; error?: string });
    else if (kind === "event") this.addEvent(data as FlyballEvent, live);
    this.changed();
  }

  private addPoint(p: Point): void {
    this.buckets.add(this.points, p);
    const first = bounds(this.window, this.points.at(-1)!.t).from;
    const span = this.points.at(-1)!.t - first;
    // Points out of range are dropped in big strokes.
    if (this.points[0]!.t < first - span / 4) this.points = this.points.filter((p) => p.t >= first);
  }

  private addDecision(d: Decision): void {
    const known = this.decisions.findIndex((old) => old.id === d.id);
    if (this.filter === "events" || !matches(this.filter, d)) return;
    if (known >= 0) this.decisions[known] = d;
    else this.decisions.unshift(d);
    this.decisions.length = Math.min(this.decisions.length, mostDecisions);
  }

  private addApplied({ decision, at, error }: { decision?: number; at: number; error?: string }): void {
    const line = this.decisions.find((d) => d.id === decision);
    if (line) line.applied = error ? { at, error } : { at };
  }

  private addEvent(e: FlyballEvent, live: boolean): void {
    if (live && told(e) && !this.events.some((old) => old.id === e.id)) this.events.unshift(e);
    if (changesTarget.includes(e.type)) void this.refresh();
  }

  // refresh asks for the target alone.
  private async refresh(): Promise<void> {
    const answer = await getTarget(this.name).catch(() => null);
    if (answer) this.replace(answer.target);
  }

  // replace takes the answer of an action.
  replace(target: Target): void {
    this.target = { ...target, replicas: target.replicas ?? this.target?.replicas ?? [] };
    this.changed();
  }
}
