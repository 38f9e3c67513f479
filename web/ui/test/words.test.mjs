import assert from "node:assert/strict";
import test from "node:test";
import { answeredBy, asked, cost, newestValid, said, who } from "../src/advice";
import { judged, listed, trouble, work } from "../src/answer";
import { shortNames } from "../src/columns";
import { kindOf } from "../src/events";
import { heard } from "../src/feed";
import { between, when } from "../src/format";
import { measured } from "../src/health";
import { contains, logLines } from "../src/loglines";
import { effects, settled, standing, title, verb } from "../src/modes";
import { most, rungs } from "../src/rungs";
import { average, shadowRows } from "../src/shadows";
import { ageOf, quantilesOf, valueOf } from "../src/signals";

const plain = (text) => text.replaceAll("\u00a0", " ");
const now = Date.UTC(2026, 0, 31, 12) / 1000;

const target = (more = {}) => ({
  name: "shop", mode: "Apply", documentMode: "Apply", override: null, policy: "hpa", shadows: [], min: 1, max: 9, sync: 15, reportAt: now, staleAfter: 45,
  objective: null, point: { ready: 4, starting: 1, rate: 10, desired: 5 }, decision: null, faults: [], conditions: [], ...more,
});
const broken = { met: false, good: 0.9, target: 0.99, threshold: 0.5, covered: 3600, window: 3600, recentGood: 0.9 };

test("the overview answers in one sentence", () => {
  const say = (...targets) => trouble(judged(targets, now)).words;
  assert.equal(say(target()), "The target is all right.");
  assert.equal(say(target(), target({ name: "b" })), "All 2 targets are all right.");
  assert.equal(say(target({ objective: broken })), "1 of 1 target in trouble: shop.");
  const many = Array.from({ length: 1000 }, (_, i) => target({ name: `t${i}`, objective: i % 100 === 7 ? broken : null }));
  assert.equal(say(...many), "10 of 1,000 targets in trouble: t7, t107, t207, t307 and 6 more.");
});

test("and says what Flyball does about it", () => {
  const d = (from, to) => ({ decision: { from, to, steps: [] } });
  const say = (...targets) => plain(work(judged(targets, now)));
  const calm = { point: { ready: 4, starting: 0 } };
  assert.equal(say(target(calm)), "Flyball changes nothing at present.");
  assert.equal(say(target(d(3, 5)), target({ ...d(5, 4), ...calm })), "Flyball is adding replicas to 1, removing some from 1, waiting for replicas of 1 to start.");
  // What is only shown is not done.
  assert.equal(say(target({ ...calm, ...d(3, 5), mode: "Paused" }), target({ ...calm, mode: "Recommend" })), "Flyball changes nothing at present; 1 target paused, 1 target only recommended for.");
});

test("the overview keeps the share that was promised in sight", () => {
  assert.equal(plain(measured({ ...broken, covered: 19, window: 45 })), "90 % good, 99 % promised (first 19 s of 45 s)");
  assert.equal(plain(measured({ ...broken, good: null })), "no requests yet, 99 % promised (1 h)");
});

test("the list is searched, chosen and sorted", () => {
  const all = judged([target({ name: "b" }), target({ name: "a10", mode: "Paused" }), target({ name: "a9", objective: broken, point: { rate: 99, ready: 1 } })], now);
  const names = (...ask) => listed(all, ...ask).map((l) => l.t.name).join();
  assert.equal(names("", "all", "trouble"), "a9,b,a10"); // equals keep their order
  assert.equal(names("", "all", "name"), "a9,a10,b");
  assert.equal(names("", "all", "requests"), "a9,b,a10");
  assert.equal(names("", "trouble", "trouble"), "a9");
  assert.equal(names("", "hands", "trouble"), "a10");
  assert.equal(names("A paused", "all", "trouble"), "a10");
});

test("a pause says what will happen, for how long, and what comes then", () => {
  const wish = { mode: "Paused", until: now + 900 };
  assert.equal(title("shop", wish), "Pause shop?");
  const text = plain(effects(target(), wish, now).join(" "));
  assert.match(text, /changes nothing: it stays at 5 replicas/);
  assert.match(text, /ends by itself at .*, in 15 min; then the document says again: Apply/);
  assert.match(text, /log of shop will show/);
});

test("going back says what is done at once", () => {
  const t = target({ mode: "Paused", override: { mode: "Paused", until: null, by: "alice", at: now - 60 }, decision: { from: 5, to: 8, steps: [] } });
  const wish = { mode: "document", until: null };
  assert.equal(verb(t, wish), "Resume: Apply");
  const text = plain(effects(t, wish, now).join(" "));
  assert.match(text, /within 15 s\. By the newest decision it would go from 5 to 8 at once/);
  assert.match(text, /What was set by hand ends/);
});

test("nothing to change is said too", () => {
  assert.match(effects(target(), { mode: "Apply", until: null }, now)[0], /nothing will change/);
});

test("what was set by hand shows how long it lasts", () => {
  const of = (until) => plain(standing({ mode: "Paused", until, by: "a", at: now }, now).left);
  assert.equal(of(null), "until somebody ends it");
  assert.match(of(now + 3700), /1 h left/);
  assert.match(of(now + 12.2), /13 s left/);
});

test("a pause whose time is over is shown no more, with or without a word of the server", () => {
  const override = { mode: "Paused", until: now + 60, by: "alice", at: now };
  const t = target({ mode: "Paused", override });
  const mode = ({ mode, override }) => [mode, override];
  assert.deepEqual(mode(settled(t, now + 59)), ["Paused", override]);
  assert.deepEqual(mode(settled(t, now + 60)), ["Apply", null]);
  assert.equal(judged([t], now + 60)[0].t.mode, "Apply");
  // What was decided since says more than the document of then.
  assert.deepEqual(mode(settled({ ...t, mode: "Recommend" }, now + 60)), ["Recommend", null]);
  assert.deepEqual(mode(settled({ ...t, override: { ...override, until: null } }, now + 9e9))[0], "Paused");

  const decided = (at, mode) => heard(t, "decision", { from: 4, to: 4, mode, until: at, steps: [] });
  decided(now + 59, "Paused");
  assert.deepEqual(mode(t), ["Paused", override]);
  decided(now + 61, "Apply");
  assert.deepEqual(mode(t), ["Apply", null]);
});

const decision = {
  at: now, from: 5, to: 8, setBy: "bounds", policy: "hpa", mode: "Apply", reason: { text: "" },
  recommendation: { replicas: 12, confidence: 0.9, reason: { text: "load" }, proposals: [{ signal: "cpu", replicas: 12, reason: { text: "x" } }, { signal: "mem", missing: true, replicas: 0, reason: { text: "gone" } }] },
  steps: [{ guard: "data", from: 12, to: 12, reason: { text: "" } }, { guard: "bounds", from: 12, to: 8, reason: { text: "12 is above 8" } }],
  shadows: [{ policy: "kpa", replicas: 14, reason: { text: "c" } }],
};

test("the rungs lead from wishes to the count, and one set it", () => {
  const way = rungs(decision);
  assert.deepEqual(way.map((r) => [r.kind, r.name, r.count]), [["signal", "cpu", 12], ["signal", "mem", null], ["policy", "hpa", 12], ["guard", "data", 12], ["guard", "bounds", 8]]);
  assert.deepEqual(way.filter((r) => r.sets).map((r) => r.name), ["bounds"]);
  assert.equal(way[3].words, "no objection");
  assert.equal(plain(way[2].words), "load (90 % sure)");
  assert.equal(most(decision), 14); // bars have room for the shadows
});

test("shadows: their wish beside ours, and their mean", () => {
  const points = [{ shadows: { kpa: 4 }, desired: 2 }, { shadows: { kpa: 7 }, desired: 4 }, { desired: null }];
  const rows = shadowRows(target({ shadows: ["kpa", "hpa2"], decision }), points);
  assert.deepEqual(rows.map((r) => [r.policy, r.wish?.replicas ?? null, r.less, r.average]), [["kpa", 14, 6, 5.5], ["hpa2", null, null, null]]);
  assert.equal(average(points, (p) => p.desired), 3);
});

test("short names stay apart", () => {
  assert.deepEqual(shortNames(["kpa (8)", "hpa (1)", "hpa (2)"]), ["kpa", "hpa (1)", "hpa (2)"]);
});

test("signals have units, ages and no value when there is none", () => {
  const m = (more) => ({ name: "requestRate", trust: "fresh", value: 12.5, at: now - 4, ...more });
  assert.equal(valueOf(m()), "12.5/s");
  assert.equal(plain(valueOf(m({ name: "latency", value: 0.164 }))), "164 ms");
  assert.equal(plain(valueOf(m({ name: "cpuUtilization", value: 0.62 }))), "62 %");
  assert.equal(valueOf(m({ trust: "absent", value: null })), "–");
  assert.equal(plain(valueOf(m({ name: "diskReadRate", value: 12_300_000 }))), "12.3 MB/s");
  assert.equal(valueOf(m({ name: "something", value: 3 })), "3");
  assert.equal(plain(ageOf(m(), now)), "4 s");
  assert.equal(ageOf(m({ trust: "absent", at: 0 }), now), "–");
  assert.equal(plain(quantilesOf(m({ p50: 0.07, p95: 0.164 }))), "p50 70 ms, p95 164 ms");
});

test("the log holds decisions and events in one order", () => {
  const d = (at) => ({ ...decision, at });
  const e = (at) => ({ id: at, at, type: "ModeChanged", message: "Paused", by: "alice" });
  const log = { decisions: [d(30), d(10)], events: [e(40), e(20), e(5)] };
  const order = (filter, more) => logLines({ ...log, filter, older: { decisions: more } }).map((l) => `${l.d ? "d" : "e"}${l.at}`).join(" ");
  assert.equal(order("all", true), "e40 d30 e20 d10"); // e5 waits for the decisions around it
  assert.equal(order("all", false), "e40 d30 e20 d10 e5");
  assert.equal(order("events", true), "e40 e20 e5");
  assert.equal(order("changes", true), "d30 d10");
  assert.ok(contains({ at: 1, e: e(1) }, "ALICE") && contains({ at: 1, d: d(1) }, "above 8") && !contains({ at: 1, d: d(1) }, "needle"));
});

test("an event of a newer server has words too", () => {
  assert.equal(kindOf("ModeChanged").words, "mode changed");
  assert.equal(kindOf("BudgetSpent").words, "budget spent");
});

test("times name the day where it is not today's, and the year where it is far", () => {
  assert.match(when(now, now), /^\d\d:\d\d:\d\d$/);
  assert.match(when(now - 3 * 86_400, now), /^28 Jan \d\d:/);
  assert.match(when(now - 400 * 86_400, now), /^27 Dec 2024 \d\d:/);
  assert.match(between(now - 60, now, now), /^\d\d:\d\d:\d\d – \d\d:\d\d:\d\d$/);
  assert.match(between(now - 2 * 86_400, now, now), /^29 Jan .* – 31 Jan /);
});

test("advice is said in words", () => {
  assert.equal(plain(said({ replicas: 1 })), "1 replica");
  assert.equal(plain(said({ replicas: 0 })), "0 replicas");
  assert.equal(said({}), "no change");
  assert.equal(plain(said({ direction: -1, thresholds: [{ name: "latencyP95.down", value: 0.08 }, { name: "latencyP95.up", value: 0.4 }] })), "shrink, fewer below p95 80 ms, more above p95 400 ms");
  assert.equal(who("qwen2.5-coder:3b #ab12cd"), "qwen2.5-coder:3b");
  assert.equal(asked("something-new"), "something new");
  assert.equal(asked(), "it was time");
  assert.deepEqual([12.345, 0.00123, 0.00001].map(cost), ["$12.35", "$0.0012", "under $0.0001"]);
  const events = [{ advised: { from: "a #1", error: "no", expires: now + 9 } }, { advised: { from: "a #1", expires: now + 1, replicas: 4 } }, { advised: { from: "b #1", expires: now + 2 } }];
  assert.equal(newestValid(events, now).replicas, 4);
  assert.equal(newestValid(events, now + 2), null);
  assert.equal(answeredBy({ newest: events }), "a and b");
  assert.equal(answeredBy({ newest: [] }), "a language model");
});
