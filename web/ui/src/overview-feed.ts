// What the overview shows. There may be a thousand targets: lines of load are
// loaded only for those that are looked at, and the page is told of changes a
// few times a second.
import { getSeries, getTarget, getTargets } from "./api";
import { Buckets } from "./buckets";
import { changesTarget, Feed, heard } from "./feed";
import type { FlyballEvent, Point, Target } from "./types";

const sparkSpan = 15 * 60; // seconds
const sparkStep = 15;
const sparksAtOnce = 4;

interface Spark {
  points: Point[];
  buckets: Buckets;
}

export class OverviewFeed extends Feed {
  targets: Target[] = [];
  private byName = new Map<string, Target>();
  private sparks = new Map<string, Spark>();
  private wanted: string[] = []; // sparks to load, the next one last
  private loadingSparks = 0;
  round = 0; // grows with every load, which makes sparks old

  constructor(watcher: () => void) {
    super("", watcher, 250);
  }

  protected async load(signal: AbortSignal): Promise<{ now: number; lastEventId: string }> {
    const answer = await getTargets(signal);
    this.setTargets(answer.targets);
    this.version = answer.version;
    this.sparks.clear();
    this.round++;
    return answer;
  }

  private setTargets(targets: Target[]): void {
    this.targets = targets;
    this.byName = new Map(targets.map((t) => [t.name, t]));
  }

  protected event(kind: string, name: string, data: unknown): void {
    const t = this.byName.get(name);
    if (!t) return;
    heard(t, kind, data);
    if (kind === "point") this.addToSpark(name, (data as { point: Point }).point);
    if (kind === "event" && changesTarget.includes((data as FlyballEvent).type)) void this.refresh(name);
    this.changed();
  }

  private async refresh(name: string): Promise<void> {
    const answer = await getTarget(name).catch(() => null);
    if (!answer) return;
    this.setTargets(this.targets.map((t) => (t.name === name ? answer.target : t)));
    this.changed();
  }

  // spark is the recent load of a target, as far as it was loaded.
  spark(name: string): Point[] {
    return this.sparks.get(name)?.points ?? [];
  }

  // want loads the sparks of the targets that are looked at.
  want(names: string[]): void {
    this.wanted = names.filter((name) => !this.sparks.has(name)).reverse();
    this.loadSparks();
  }

  private loadSparks(): void {
    while (this.loadingSparks < sparksAtOnce && this.wanted.length > 0) {
      const name = this.wanted.pop()!;
      this.loadingSparks++;
      void this.loadSpark(name, this.round).finally(() => {
        this.loadingSparks--;
        this.loadSparks();
      });
    }
  }

  private async loadSpark(name: string, round: number): Promise<void> {
    this.sparks.set(name, { points: [], buckets: new Buckets(sparkStep) }); // asked for once
    const series = await getSeries(name, this.now() - sparkSpan, 0, sparkStep).catch(() => null);
    if (!series || round !== this.round) return;
    this.sparks.set(name, { points: series.points, buckets: new Buckets(series.step) });
    this.changed();
  }

  private addToSpark(name: string, p: Point): void {
    const spark = this.sparks.get(name);
    if (!spark) return;
    spark.buckets.add(spark.points, p);
    while (spark.points[0] && spark.points[0].t < p.t - sparkSpan) spark.points.shift();
  }
}
