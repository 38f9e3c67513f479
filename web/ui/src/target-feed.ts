// What the page of one target shows: the target as it is now, and points,
// decisions and events of the window that is looked at.
import { getDecisions, getEvents, getSeries, getTarget, pageSize, Refusal, whyNot, type Page } from "./api";
import { Buckets } from "./buckets";
import { changesTarget, Feed, heard } from "./feed";
import { isHeld } from "./health";
import { Pages, type Answer } from "./pages";
import { speed } from "./simulation";
import type { Decision, Filter, FlyballEvent, Point, SeriesAnswer, Target } from "./types";
import { bounds, spanOf, stepFor, usual, usualAt, type Window } from "./window";

export function matches(filter: Filter, d: Decision): boolean {
  if (filter === "changes") return d.from !== d.to;
  return filter === "all" || (filter === "held" && isHeld(d));
}

// untold are the types of events that decisions tell better.
const untold = ["ScaledUp", "ScaledDown"];

export class TargetFeed extends Feed {
  target: Target | null = null;
  points: Point[] = [];
  step = 1; // seconds that a point stands for
  filter: Filter = "all";
  loading = false; // another window or filter is on its way
  fault = ""; // why something did not come
  incomplete = ""; // why something that came is not all there is
  private log = new Pages<Decision>();
  private happened = new Pages<FlyballEvent>();
  private buckets = new Buckets(1);
  private asked = 0; // the newest question; answers to older ones are dropped
  private pending = false; // a window is on its way
  private shown: Window | null = null; // what the points are of

  constructor(readonly name: string, public window: Window, watcher: () => void) {
    super(name, watcher);
  }

  // decisions are those of the window that match the filter, newest first.
  get decisions(): Decision[] {
    return this.log.items;
  }

  // events are those of the window, newest first.
  get events(): FlyballEvent[] {
    return this.happened.items;
  }

  // older says what there is more of.
  get older(): { decisions: boolean; events: boolean } {
    return { decisions: this.filter !== "events" && this.log.next !== null, events: this.withEvents() && this.happened.next !== null };
  }

  private withEvents = () => this.filter === "all" || this.filter === "events";

  protected async load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }> {
    const answer = await getTarget(this.name, signal);
    if (this.version === "" && this.window === usual) this.window = usualAt(speed());
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
    const whole = this.fault !== "" || this.pending; // else the window on its way would be dropped
    this.filter = filter;
    void this.again(() => (whole ? this.loadWindow(this.now()) : this.loadDecisions()));
  }

  // loadOlder goes on with decisions, and with the events between them.
  async loadOlder(): Promise<void> {
    this.fault = "";
    try {
      if (this.older.decisions) this.note(await this.log.older((before) => this.pageOfDecisions({ before })));
      else await this.olderEvents();
      while (this.filter === "all" && this.older.events && this.gapInEvents()) if (!(await this.olderEvents())) break;
    } catch (e) {
      this.fault = whyNot(e);
    }
    this.changed();
  }

  // gapInEvents is true while decisions are listed that are older than all
  // events here, though there are more of these.
  private gapInEvents(): boolean {
    const oldest = this.decisions.at(-1)?.at;
    return oldest !== undefined && (this.events.at(-1)?.at ?? 0) > oldest;
  }

  private async olderEvents(): Promise<boolean> {
    const before = this.events.length;
    this.note(await this.happened.older((before) => this.pageOfEvents({ before })));
    return this.events.length > before;
  }

  private note(incomplete: string): void {
    if (incomplete) this.incomplete = incomplete;
  }

  // decisionAt is the decision in force at an instant: the newest made until
  // then, which may be older than all that are listed.
  async decisionAt(t: number): Promise<Decision | null> {
    const known = this.decisions.find((d) => d.at <= t);
    if (known) return known;
    try {
      const { items } = await getDecisions(this.name, this.filter === "events" ? "all" : this.filter, { to: t + 0.001, limit: 1 });
      return items[0] ? { ...items[0], until: Math.max(t, items[0].until) } : null;
    } catch (e) {
      this.fault = whyNot(e);
      this.changed();
      return null;
    }
  }

  private async again(load: () => Promise<void>): Promise<void> {
    const asked = this.asked + 1; // load asks one question
    this.loading = true;
    this.fault = "";
    this.changed();
    try {
      await load();
    } catch (e) {
      if (asked !== this.asked) return;
      this.fault = whyNot(e);
      this.loading = false;
    }
    this.changed();
  }

  // loadWindow shows what of the window can be had. That one part is refused
  // is a fault; that nobody answers is thrown.
  private async loadWindow(now: number, signal?: AbortSignal): Promise<void> {
    const asked = ++this.asked;
    this.pending = true;
    const { window } = this;
    const { from, to } = bounds(window, now);
    const [series, decisions, events] = await Promise.allSettled([
      getSeries(this.name, from, window.is === "past" ? to : 0, stepFor(spanOf(window, now)), signal),
      this.pageOfDecisions({}, signal),
      this.pageOfEvents({}, signal),
    ]);
    if (asked !== this.asked) return;
    this.pending = false;
    const failed = [series, decisions, events].flatMap((part): unknown[] => (part.status === "rejected" ? [part.reason] : []));
    for (const why of failed) if (!(why instanceof Refusal)) throw why;
    if (this.shown !== window) this.forgetWindow();
    this.shown = window;
    if (series.status === "fulfilled") this.setSeries(series.value);
    if (decisions.status === "fulfilled") this.log.start(decisions.value);
    if (events.status === "fulfilled") this.happened.start(events.value);
    const came = [series, decisions, events].flatMap((part) => (part.status === "fulfilled" ? [part.value] : []));
    this.incomplete = came.map((part) => part.incomplete).find(Boolean) ?? "";
    this.fault = [...new Set(failed.map(whyNot))].join("; ");
    this.loading = false;
  }

  private forgetWindow(): void {
    this.points = [];
    this.log.clear();
    this.happened.clear();
  }

  private setSeries(series: SeriesAnswer): void {
    this.points = series.points;
    this.step = series.step;
    this.buckets = new Buckets(series.step);
  }

  private async loadDecisions(): Promise<void> {
    const asked = ++this.asked;
    const page = await this.pageOfDecisions({}).catch((e) => {
      if (asked === this.asked) this.log.clear(); // they match another filter
      throw e;
    });
    if (asked !== this.asked) return;
    this.log.start(page);
    this.note(page.incomplete);
    this.loading = false;
  }

  private async pageOfDecisions(page: Page, signal?: AbortSignal): Promise<Answer<Decision>> {
    if (this.filter === "events") return { items: [], next: null, incomplete: "" };
    return getDecisions(this.name, this.filter, { ...this.page(), ...page }, signal);
  }

  private pageOfEvents(page: Page, signal?: AbortSignal): Promise<Answer<FlyballEvent>> {
    return getEvents(this.name, { ...this.page(), exclude: untold.join(), ...page }, signal);
  }

  private page(): Page {
    const page = { limit: pageSize };
    return this.window.is === "past" ? { ...page, from: this.window.from, to: this.window.to } : page;
  }

  protected event(kind: string, _: string, data: unknown): void {
    if (!this.target) return;
    heard(this.target, kind, data);
    const live = this.window.is !== "past";
    if (kind === "point" && live) this.addPoint((data as { point: Point }).point);
    else if (kind === "decision" && live && matches(this.filter, data as Decision)) this.log.add(data as Decision);
    else if (kind === "applied") this.addApplied(data as { decision?: number; at: number; error?: string });
    else if (kind === "event") this.addEvent(data as FlyballEvent, live);
    if (kind === "decision" && this.target.advice) void this.refresh(); // what it made of advice
    this.changed();
  }

  private addPoint(p: Point): void {
    this.buckets.add(this.points, p);
    const first = bounds(this.window, this.points.at(-1)!.t).from;
    const span = this.points.at(-1)!.t - first;
    // Points out of range are dropped in big strokes.
    if (this.points[0]!.t < first - span / 4) this.points = this.points.filter((p) => p.t >= first);
  }

  private addApplied({ decision, at, error }: { decision?: number; at: number; error?: string }): void {
    const line = this.decisions.find((d) => d.id === decision);
    if (line) line.applied = error ? { at, error } : { at };
  }

  private addEvent(e: FlyballEvent, live: boolean): void {
    if (live && !untold.includes(e.type)) {
      this.happened.add(e);
      this.happened.forget(bounds(this.window, e.at).from);
    }
    if (changesTarget.includes(e.type) || e.advised) void this.refresh();
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
