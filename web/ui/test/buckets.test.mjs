import assert from "node:assert/strict";
import test from "node:test";
import { Buckets, merge } from "../src/buckets";

const point = (t, more = {}) => ({
  t, rate: 10, p50: 0.1, p95: 0.2, p99: 0.3, violationRatio: 0, concurrency: 2, queue: 0, errors: 0, ready: 2, starting: 0, terminating: 0, desired: 2, ...more,
});

test("a step of a second keeps every point, the newest of a second counts", () => {
  const points = [];
  const b = new Buckets(1);
  for (const p of [point(1), point(2), point(2, { rate: 7 }), point(1)]) b.add(points, p);
  assert.deepEqual(points.map((p) => [p.t, p.rate]), [[1, 10], [2, 7]]);
});

test("a long step holds one point: means, the worst and the last", () => {
  const points = [];
  const b = new Buckets(60);
  for (let t = 60; t < 180; t++) b.add(points, point(t, { rate: t < 120 ? 10 : 30, p95: t === 90 ? 9 : 0.2, ready: t }));
  assert.deepEqual(points.map((p) => [p.t, p.rate, p.p95, p.ready]), [[119, 10, 9, 119], [179, 30, 0.2, 179]]);
});

test("a live second adds to what the server sent of the running step", () => {
  const b = new Buckets(60);
  // 30 seconds, 60 to 89, as one point.
  const sent = point(89, { rate: 10, p50: 0.1, p95: 9, p99: 12, queue: 40, errors: 3, concurrency: 2, violationRatio: 0.5, ready: 4 });
  const points = [point(59), sent];
  b.add(points, point(90, { rate: 41, p50: 0.1, p95: 0.2, errors: null, violationRatio: 0, ready: 5 }));
  assert.deepEqual(points.map((p) => p.t), [59, 90]);
  const p = points[1];
  assert.deepEqual([p.rate, p.p95, p.p99, p.queue, p.errors, p.ready], [(30 * 10 + 41) / 31, 9, 12, 40, 3, 5]);
  assert.equal(p.violationRatio, (30 * 10 * 0.5) / (30 * 10 + 41));
  for (let t = 91; t < 120; t++) b.add(points, point(t, { rate: 41 }));
  assert.deepEqual([points.length, points[1].t, points[1].rate, points[1].p95], [2, 119, (10 + 41) / 2, 9]);
  b.add(points, point(120, { rate: 7 })); // the next step has nothing of it
  assert.deepEqual([points.length, points[2].rate, points[2].p95], [3, 7, 0.2]);
});

test("the newest of a second counts, also where the server sent that second", () => {
  const b = new Buckets(60);
  const points = [point(63, { rate: 10 })]; // of 60 to 63
  b.add(points, point(63, { rate: 50, desired: 9 }));
  b.add(points, point(63, { rate: 90, desired: 9 }));
  assert.deepEqual(points.map((p) => [p.t, p.rate, p.desired]), [[63, (3 * 10 + 90) / 4, 9]]);
  const first = [point(60, { rate: 10 })]; // the step has just begun
  new Buckets(60).add(first, point(60, { rate: 90 }));
  assert.deepEqual(first.map((p) => p.rate), [90]);
});

test("bad requests are weighed by how many there were", () => {
  const p = merge([point(1, { rate: 90, violationRatio: 0 }), point(2, { rate: 10, violationRatio: 1 })].map((p) => ({ p, seconds: 1 })));
  assert.equal(p.violationRatio, 0.1);
});

test("what nobody measured stays unknown", () => {
  const nothing = point(1, { rate: null, p95: null, queue: null, violationRatio: null, ready: null });
  const p = merge([{ p: nothing, seconds: 9 }, { p: { ...nothing, t: 2 }, seconds: 1 }]);
  assert.deepEqual([p.rate, p.p95, p.queue, p.violationRatio, p.ready], [null, null, null, null, null]);
});
