import assert from "node:assert/strict";
import test from "node:test";
import { atLeast, Pages } from "../src/pages";

const item = (id) => ({ id, at: id });
const page = (ids, next = null, incomplete = "") => ({ items: ids.map(item), next, incomplete });
const ids = (p) => p.items.map((i) => i.id);

test("what the server says leads to older ones, not how long a page is", async () => {
  const p = new Pages();
  p.start(page([9, 8], 8));
  const asked = [];
  const ask = (answer) => async (before) => (asked.push(before), answer);
  assert.equal(await p.older(ask(page([], 5, "why"))), "why"); // nothing here that matches, but further back
  await p.older(ask(page([4], 4)));
  await p.older(ask(page([4, 3]))); // the end; 4 is known
  await p.older(ask(page([2])));
  assert.deepEqual([asked, ids(p), p.next], [[8, 5, 4], [9, 8, 4, 3], null]);
});

test("an answer to a list that is gone is dropped, a failed one can be asked again", async () => {
  const p = new Pages();
  p.start(page([9, 8], 8));
  let come;
  const slow = p.older(() => new Promise((resolve) => (come = resolve)));
  await p.older(() => assert.fail("asked twice at once"));
  p.start(page([20], 8)); // goes on where the other did
  come(page([7]));
  await slow;
  assert.deepEqual([ids(p), p.next], [[20], 8]);
  await assert.rejects(p.older(async () => { throw new Error("no"); }), /no/);
  await p.older(async () => page([7]));
  assert.deepEqual(ids(p), [20, 7]);
});

test("no more are kept than fit, and what was cut off can be asked for", () => {
  const p = new Pages(3);
  for (const id of [1, 2, 3, 4, 5]) p.add(item(id));
  p.add({ id: 4, at: 4, more: true });
  assert.deepEqual([ids(p), p.items[1].more, p.next], [[5, 4, 3], true, 3]);
});

test("old ones go, but for a page of them and for what the reader asked for", async () => {
  const many = Array.from({ length: atLeast + 50 }, (_, i) => 1000 - i);
  const p = new Pages();
  p.start(page(many));
  p.forget(1000 - atLeast - 20 + 1);
  assert.deepEqual([p.items.length, p.next], [atLeast + 20, 1000 - atLeast - 19]);
  p.forget(5000);
  assert.equal(p.items.length, atLeast);
  await p.older(async () => page([1]));
  p.forget(5000);
  assert.equal(p.items.length, atLeast + 1);
});
