/** What a plugin reads of its context. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Failed, Fields, Invalid } from "../wasser/index.js";
import { context } from "../wasser/testing.js";

/** @param {string} field */
const refused = (field) => (/** @type {any} */ error) => error instanceof Invalid && error.field === field;

test("a field of another type is refused by its path", () => {
  const wrong = { text: 5, integer: 1.5, flag: 1, fields: [], items: {} };
  for (const [read, value] of Object.entries(wrong)) {
    const fields = /** @type {any} */ (new Fields("Kind.spec", { a: value }));
    assert.throws(() => fields[read]("a"), refused("Kind.spec.a"), read);
  }
});

test("null counts as left out", () => {
  for (const given of [{}, { a: null }]) {
    const fields = new Fields("Kind.spec", given);
    assert.equal(fields.text("a", "b"), "b");
    assert.equal(fields.integer("a", 0), 0);
    assert.equal(fields.flag("a", false), false);
    assert.deepEqual([fields.fields("a").value, fields.items("a")], [{}, []]);
    assert.throws(() => fields.text("a"), /Kind.spec.a: is missing; give a text/);
  }
});

test("names that every object has are not fields", () => {
  assert.throws(() => new Fields("Kind.spec", {}).text("toString"), /is missing/);
  assert.throws(() => context({}).image("constructor"), /lists no image/);
});

test("an item knows its place", () => {
  const [, second] = new Fields("Dataset.spec", { mounts: [{}, { a: 1 }] }).items("mounts");
  assert.equal(second.path, "Dataset.spec.mounts[1]");
  assert.throws(() => new Fields("Dataset.spec", { mounts: [5] }).items("mounts"), refused("Dataset.spec.mounts[0]"));
});

test("facts are read", () => {
  const roles = { worker: { desired: 2, ready: 1 } };
  const ctx = context({ a: 1 }, { b: 2 }, { kind: "Kind", installed: { c: 3 }, roles });
  assert.deepEqual([ctx.spec.value, ctx.dataset.value, ctx.installed], [{ a: 1 }, { b: 2 }, { c: 3 }]);
  assert.deepEqual([ctx.spec.path, ctx.roles], ["Kind.spec", roles]);
  assert.equal(ctx.mountPath, "/runtime-mnt/demo/default/demo/demo-fuse");
});

test("a spec that is no object is refused", () => {
  assert.throws(() => context([1], {}, { kind: "Kind" }).spec, refused("Kind.spec"));
});

test("a Dataset that is gone fails", () => {
  const ctx = context({}, null);
  assert.equal(ctx.hasDataset, false);
  assert.throws(() => ctx.dataset, Failed);
});
