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

test("what the server sent of the running step is replaced, not doubled", () => {
  const points = [point(100)];
  new Buckets(60).add(points, point(110));
  assert.equal(points.length, 1);
});

test("bad requests are weighed by how many there were", () => {
  const p = merge([point(1, { rate: 90, violationRatio: 0 }), point(2, { rate: 10, violationRatio: 1 })]);
  assert.equal(p.violationRatio, 0.1);
});

test("what nobody measured stays unknown", () => {
  const nothing = point(1, { rate: null, p95: null, queue: null, violationRatio: null, ready: null });
  const p = merge([nothing, { ...nothing, t: 2 }]);
  assert.deepEqual([p.rate, p.p95, p.queue, p.violationRatio, p.ready], [null, null, null, null, null]);
});
