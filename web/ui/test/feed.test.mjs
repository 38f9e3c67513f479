// Feeds against a server that answers as a test wants it to.
import assert from "node:assert/strict";
import test from "node:test";
import { resetPause } from "../src/connection";
import { EventsFeed } from "../src/events-feed";
import { isHeld } from "../src/health";
import { noted } from "../src/simulation";
import { matches, TargetFeed } from "../src/target-feed";
import { usual } from "../src/window";

const start = Date.UTC(2026, 0, 31, 12);
const now = start / 1000;

// world is a browser and a server: answers are by the end of the path.
function world(t, answers) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: start });
  const w = { asked: [], sources: [], answers };
  globalThis.window = globalThis;
  globalThis.requestAnimationFrame = () => 0;
  globalThis.cancelAnimationFrame = () => {};
  globalThis.fetch = async (path) => {
    w.asked.push(decodeURIComponent(path));
    const [, what] = Object.entries(w.answers).find(([end]) => path.split("?")[0].endsWith(end)) ?? [];
    if (what === undefined) throw new TypeError("connection refused");
    const { status = 200, ...body } = typeof what === "function" ? what(decodeURIComponent(path)) : what;
    return new Response(JSON.stringify(body), { status });
  };
  globalThis.EventSource = class extends EventTarget {
    constructor() {
      super();
      w.sources.push(this);
    }
    close() {}
    tell(kind, data = {}) {
      this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify({ target: "shop", data }) }));
    }
  };
  return w;
}

const settle = async () => {
  for (let i = 0; i < 50; i++) await new Promise((done) => setImmediate(done));
};

const target = { name: "shop", mode: "Apply", override: null, faults: [], conditions: [] };
const decision = (at, more = {}) => ({ id: at * 1000, at, until: at + 5, from: 4, to: 4, recommendation: { replicas: 4 }, steps: [], ...more });
const event = (id, type = "FaultBegan") => ({ id, at: now - 1000 + id, type, target: "shop", message: "m" });
const whole = () => ({
  "targets/shop": { now, version: "v", lastEventId: "a-1", target },
  "targets": { now, version: "v", lastEventId: "a-1", targets: [target] },
  "/series": { step: 1, points: [] },
  "/decisions": { decisions: [decision(now - 10)] },
  "/events": { events: [event(7)] },
});

async function shown(t, answers, window = { is: "live", span: 900 }) {
  const w = world(t, answers);
  const feed = new TargetFeed("shop", window, () => {});
  feed.start();
  t.after(() => feed.stop());
  await settle();
  return { w, feed };
}

test("the clock of a simulation is as fast as it, is set by each point, and stands still when nobody tells it", async (t) => {
  t.after(() => noted({}));
  const answers = whole();
  answers["targets/shop"].simulation = { speed: 60, load: "shape diurnal" };
  const { w, feed } = await shown(t, answers, usual);
  w.sources[0].onopen();
  assert.equal(feed.now(), now);
  assert.deepEqual(feed.window, { is: "live", span: 3600 }, "a window that passes in a minute");
  t.mock.timers.tick(2000);
  assert.equal(feed.now(), now + 120);
  w.sources[0].tell("point", { point: { t: now + 100 }, objective: null });
  assert.equal(feed.now(), now + 100, "the machine was slower");
  w.sources[0].onerror();
  t.mock.timers.tick(500);
  assert.equal(feed.now(), now + 100, "nobody tells it");
});

test("a window that somebody chose stays in a simulation", async (t) => {
  t.after(() => noted({}));
  const answers = whole();
  answers["targets/shop"].simulation = { speed: 60, load: "shape diurnal" };
  const { feed } = await shown(t, answers, { is: "live", span: 900 });
  assert.equal(feed.window.span, 900);
});

test("only a target that is not there is refused", async (t) => {
  const { feed } = await shown(t, { ...whole(), "targets/shop": { status: 404, error: "no target" } });
  assert.deepEqual([feed.state.is, feed.state.why], ["refused", "no target"]);
  t.mock.timers.reset();
  const { feed: busy } = await shown(t, { ...whole(), "targets/shop": { status: 503, error: "too busy" } });
  assert.deepEqual([busy.state.is, busy.state.why], ["lost", "too busy"]);
});

test("a part that is refused is a fault beside the others", async (t) => {
  for (const part of ["/series", "/decisions", "/events"]) {
    const { feed, w } = await shown(t, { ...whole(), [part]: { status: 503, error: `no ${part}` } });
    assert.equal(feed.fault, `no ${part}`);
    assert.equal(w.sources.length, 1, "it listens all the same");
    assert.equal(feed.target.name, "shop");
    assert.deepEqual([feed.decisions.length, feed.events.length], [part === "/decisions" ? 0 : 1, part === "/events" ? 0 : 1]);
    t.mock.timers.reset();
  }
});

test("that the record could not be read is said", async (t) => {
  const { feed } = await shown(t, { ...whole(), "/decisions": { decisions: [], incomplete: "the record is locked" } });
  assert.deepEqual([feed.fault, feed.incomplete], ["", "the record is locked"]);
});

test("nothing of another window is left when its own cannot be loaded", async (t) => {
  const { feed, w } = await shown(t, whole());
  w.answers["/decisions"] = { status: 503, error: "no" };
  feed.show({ is: "past", from: now - 9000, to: now - 8000 });
  await settle();
  assert.deepEqual([feed.decisions.length, feed.events.length, feed.fault, feed.loading], [0, 1, "no", false]);
});

test("events of the past leave out changes and go on page by page", async (t) => {
  const pages = { 0: { events: [event(9), event(8)], nextBefore: 8 }, 8: { events: [event(3)] } };
  const { feed, w } = await shown(t, { ...whole(), "/events": (path) => pages[/before=(\d+)/.exec(path)?.[1] ?? 0] }, { is: "past", from: now - 2000, to: now });
  feed.setFilter("events");
  await settle();
  assert.match(w.asked.findLast((p) => p.includes("/events")), /from=.*to=.*exclude=ScaledUp,ScaledDown|exclude=ScaledUp,ScaledDown.*from=/);
  assert.deepEqual(feed.older, { decisions: false, events: true });
  await feed.loadOlder();
  assert.deepEqual([feed.events.map((e) => e.id), feed.older.events], [[9, 8, 3], false]);
});

test("an older page that does not come is said, and can be asked for again", async (t) => {
  const { feed, w } = await shown(t, { ...whole(), "/decisions": { decisions: [decision(now - 10)], nextBefore: 5 } });
  w.answers["/decisions"] = { status: 503, error: "too many readers" };
  await feed.loadOlder();
  assert.deepEqual([feed.fault, feed.older.decisions], ["too many readers", true]);
  w.answers["/decisions"] = { decisions: [decision(now - 20)] };
  await feed.loadOlder();
  assert.deepEqual([feed.fault, feed.decisions.length, feed.older.decisions], ["", 2, false]);

  const events = new EventsFeed("", () => {});
  t.after(() => events.stop());
  w.answers["/events"] = { events: [event(7)], nextBefore: 7 };
  events.start();
  await settle();
  delete w.answers["/events"];
  await events.loadOlder();
  assert.deepEqual([events.fault, events.more], ["Flyball does not answer", true]);
});

test("a click before all that is listed asks which decision was in force", async (t) => {
  const { feed, w } = await shown(t, whole());
  assert.equal((await feed.decisionAt(now - 9)).at, now - 10);
  w.answers["/decisions"] = { decisions: [decision(now - 500)] };
  const d = await feed.decisionAt(now - 400.5);
  assert.deepEqual([d.at, d.until], [now - 500, now - 400.5]);
  assert.match(w.asked.at(-1), /limit=1.*to=2026-01-31T11:53:19.501Z/);
  w.answers["/decisions"] = { decisions: [] };
  assert.equal(await feed.decisionAt(now - 9999), null);
});

test("held is the same live as loaded", () => {
  const cut = decision(now, { to: 4, recommendation: { replicas: 9 }, steps: [{ guard: "bounds", from: 9, to: 4 }] });
  const back = decision(now, { steps: [{ guard: "a", from: 4, to: 6 }, { guard: "b", from: 6, to: 4 }] }); // as wished in the end
  const blind = decision(now, { noData: true, recommendation: { replicas: 0 }, steps: [{ guard: "data", from: 0, to: 4 }] });
  assert.deepEqual([cut, back, blind].map((d) => [isHeld(d), matches("held", d)]), [[true, true], [false, false], [false, false]]);
});

test("resets in a row are answered ever later", async (t) => {
  assert.deepEqual([0, 1, 2, 3, 6, 60].map(resetPause), [0, 1000, 2000, 4000, 30_000, 30_000]);
  const { feed, w } = await shown(t, whole());
  const loads = () => w.asked.filter((p) => p.endsWith("targets/shop")).length;
  const reset = async () => {
    w.sources.at(-1).onopen?.();
    w.sources.at(-1).tell("reset");
    await settle();
  };
  await reset();
  assert.equal(loads(), 2, "the first at once");
  for (const [pause, before] of [[1000, 2], [2000, 3], [4000, 4]]) {
    await reset();
    assert.deepEqual([loads(), feed.state.is], [before, "lost"]);
    t.mock.timers.tick(pause - 1);
    await settle();
    assert.equal(loads(), before, `not before ${pause} ms`);
    t.mock.timers.tick(1);
    await settle();
    assert.equal(loads(), before + 1);
  }
  w.sources.at(-1).onopen();
  t.mock.timers.tick(61_000);
  await settle();
  const before = loads();
  await reset();
  assert.equal(loads(), before + 1, "after a calm minute at once again");
});
