import assert from "node:assert/strict";
import test from "node:test";
import { address, decisionAddress, eventsAddress, overviewAddress, routeOf } from "../src/routes";
import { around, bounds, fault, fromLocalInput, localInput, queryOf, shifted, spanOf, stepFor, usual, windowOf } from "../src/window";

const now = Date.UTC(2026, 0, 31, 12) / 1000;
const hour = 3600;

test("addresses name page, target, decision and what was chosen", () => {
  assert.deepEqual(routeOf(""), { page: "overview", query: {}, asked: false });
  assert.deepEqual(routeOf("#/all?q=shop&sort=name"), { page: "overview", query: { q: "shop", sort: "name" }, asked: true });
  assert.deepEqual(routeOf("#/t/shop-web?span=1h"), { page: "target", name: "shop-web", query: { span: "1h" } });
  assert.deepEqual(routeOf("#/t/shop-web/d/1769860800000"), { page: "decision", name: "shop-web", id: 1769860800000, query: {} });
  assert.deepEqual(routeOf("#/t/shop-web/d/nonsense").page, "target");
  assert.deepEqual(routeOf("#/events?target=shop"), { page: "events", query: { target: "shop" } });
});

test("an address leads back to what it was made of, whatever the name", () => {
  for (const name of ["shop-web", "a/b", "50 %", "ä?#&=", "%zz"]) {
    assert.deepEqual(routeOf(address(name, { filter: "held" })), { page: "target", name, query: { filter: "held" } });
    assert.equal(routeOf(decisionAddress(name, 7)).name, name);
    assert.equal(routeOf(eventsAddress({ target: name })).query.target, name);
    assert.equal(routeOf(overviewAddress({ q: name })).query.q, name);
  }
  assert.equal(address("shop", { from: "2026-01-31T10:00:00Z", to: "" }), "#/t/shop?from=2026-01-31T10:00:00Z");
  assert.equal(routeOf("#/t/%zz").name, "%zz"); // not an address of ours: no crash
});

test("a window is read from the address and written into it", () => {
  for (const w of [usual, { is: "live", span: 30 * 24 * hour }, { is: "since", from: now - 7 * hour }, { is: "past", from: now - 2 * hour, to: now - hour }]) {
    assert.deepEqual(windowOf(queryOf(w)), w);
  }
  assert.deepEqual(queryOf(usual), { span: "" }); // the usual one needs no words
  for (const bad of [{ span: "2y" }, { from: "yesterday" }, { from: "2026-01-31T10:00:00Z", to: "2026-01-31T09:00:00Z" }, { to: "2026-01-31T09:00:00Z" }]) {
    assert.deepEqual(windowOf(bad), usual, JSON.stringify(bad));
  }
});

test("bounds end now while live, and stay where they are in the past", () => {
  assert.deepEqual(bounds({ is: "live", span: 900 }, now), { from: now - 900, to: now });
  assert.deepEqual(bounds({ is: "since", from: now - 5000 }, now), { from: now - 5000, to: now });
  assert.deepEqual(bounds({ is: "past", from: 100, to: 200 }, now), { from: 100, to: 200 });
  assert.equal(spanOf({ is: "since", from: now + 5 }, now), 1); // never below nothing
});

test("a chart never asks for more points than it can show", () => {
  for (const span of [60, 900, hour, 3 * hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour, 365 * 24 * hour]) {
    const points = span / stepFor(span);
    assert.ok(points <= 1500, `${span} s: ${points} points`);
  }
  assert.equal(stepFor(900), 1);
});

test("earlier and later move by half a window and end in the present", () => {
  const past = shifted({ is: "live", span: hour }, -1, now);
  assert.deepEqual(past, { is: "past", from: now - 1.5 * hour, to: now - 0.5 * hour });
  assert.deepEqual(shifted(past, -1, now), { is: "past", from: now - 2 * hour, to: now - hour });
  assert.deepEqual(shifted(past, 1, now), { is: "live", span: hour });
});

test("an instant of the past gets a window around it, a near one the usual", () => {
  assert.deepEqual(around(now - 24 * hour, now), { is: "past", from: now - 24 * hour - 450, to: now - 24 * hour + 450 });
  assert.deepEqual(around(now - 60, now), usual);
});

test("what was typed is checked in words", () => {
  assert.equal(fault(now - 60, null, now), null);
  assert.equal(fault(now - 60, now, now), null);
  assert.match(fault(null, null, now), /From: say a day/);
  assert.match(fault(now + 1, null, now), /future/);
  assert.match(fault(now - 60, now - 60, now), /later than From/);
});

test("a local time typed is the instant it was", () => {
  assert.equal(fromLocalInput(localInput(now)), now);
  assert.equal(fromLocalInput(""), null);
});
