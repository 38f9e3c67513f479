import assert from "node:assert/strict";
import test from "node:test";
import { age, ago, duration, exact, latency, perSecond, share, short } from "../src/format";
import { columns, gapOf, indexAt, shadowNames, span } from "../src/columns";

const plain = (text) => text.replaceAll("\u00a0", " ");

function table(name, f, cases) {
  test(name, () => {
    for (const [input, want] of cases) assert.equal(plain(f(...[input].flat())), want, `${name}(${input})`);
  });
}

table("short", short, [[null, "–"], [0, "0"], [7, "7"], [13.44, "13.4"], [0.051, "0.051"], [412.4, "412"], [999.4, "999"], [1234, "1.23 k"], [999_400, "999 k"], [1_234_567, "1.23 M"], [-2500, "-2.5 k"]]);
table("perSecond", perSecond, [[null, "–"], [0, "0/s"], [1200, "1.2 k/s"]]);
table("latency", latency, [[null, "–"], [0.0004, "0.4 ms"], [0.0721, "72.1 ms"], [0.164, "164 ms"], [0.9993, "999 ms"], [0.9996, "1 s"], [1.256, "1.26 s"], [120, "2 min"]]);
table("duration", duration, [[0, "0 s"], [0.5, "500 ms"], [7.5, "7.5 s"], [60, "1 min"], [3600, "1 h"], [5400, "1 h 30 min"], [90061, "1 d 1 h"]]);
table("age", age, [[-3, "0 s"], [59.9, "59 s"], [61, "1 min"], [7199, "1 h"], [172800, "2 d"]]);
table("ago", ago, [[0.4, "now"], [65, "1 min ago"]]);
table("share is cut, never rounded up", share, [[null, "–"], [1, "100 %"], [0.99996, "99.99 %"], [0.999, "99.9 %"], [[0.95, 6], "95 %"]]);
table("exact", exact, [[null, "not measured"], [[1234.5, "requests/s"], "1,234.5 requests/s"]]);

const point = (t, more = {}) => ({ t, rate: t, ready: 2, starting: 1, desired: 3, ...more });

test("columns break where nothing came", () => {
  const c = columns([point(1), point(2), point(60)], 10, []);
  assert.deepEqual(c.t, [1, 2, 3, 60]);
  assert.deepEqual(c.rate, [1, 2, null, 60]);
  assert.deepEqual(c.up, [3, 3, null, 3]);
});

test("a gap is judged by what usually lies between two points", () => {
  const every = (step, n) => Array.from({ length: n }, (_, i) => point(i * step));
  assert.equal(gapOf(every(1, 100), 10), 10);
  assert.equal(gapOf(every(300, 100), 45), 900); // a record of seldom decisions is no row of gaps
  assert.equal(gapOf([...every(300, 100), point(100_000)], 45), 900);
  assert.equal(gapOf([], 10), 10);
});

test("shadows keep their own column", () => {
  const points = [point(1, { shadows: { kpa: 4 } }), point(2, { shadows: { hpa: 5, kpa: 6 } })];
  assert.deepEqual(shadowNames(points), ["hpa", "kpa"]);
  assert.deepEqual(columns(points, 10, ["hpa", "kpa"]).shadows, [[null, 5], [4, 6]]);
});

test("indexAt is the row at or before a time", () => {
  assert.deepEqual([0, 1, 1.5, 3, 9].map((t) => indexAt([1, 2, 3], t)), [-1, 0, 0, 2, 2]);
});

test("span leaves out what is not known or not shown", () => {
  assert.deepEqual(span([1, 2, 3, 4], [9, null, 5, 7], 2, 4), [5, 7]);
  assert.equal(span([1], [null], 0, 2), null);
});
