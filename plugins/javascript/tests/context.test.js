/** What a plugin reads of its context. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Failed, Fields, Invalid, Want } from "../wasser/index.js";
import { context } from "../wasser/testing.js";

/** @param {string} field */
const refused = (field) => (/** @type {any} */ error) => error instanceof Invalid && error.field === field;

test("a field of another type is refused by its path", () => {
  const wrong = { text: 5, integer: 1.5, flag: 1, fields: [], items: {}, texts: "b", number: "1.5", optionalText: 5 };
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

test("texts, numbers and what may be missing are read", () => {
  const fields = new Fields("Kind.spec", { a: ["b"], c: 1.5, d: 2, e: "f", g: ["h", 5], i: null });
  assert.deepEqual([fields.texts("a"), fields.number("c"), fields.number("d")], [["b"], 1.5, 2]);
  assert.deepEqual([fields.optionalText("e"), fields.optionalText("i"), fields.texts("x", [])], ["f", undefined, []]);
  assert.throws(() => fields.texts("g"), refused("Kind.spec.g[1]"));
});

test("a default of another type is a fault of the author", () => {
  for (const given of [{}, { a: "b" }]) {
    const fields = /** @type {any} */ (new Fields("Kind.spec", given));
    assert.throws(() => fields.text("a", 5), /^TypeError: the default of Kind.spec.a is 5, and must be a text$/);
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

test("the whole Dataset and the grants are facts", () => {
  const granted = [new Want("exec", ["worker"]), new Want("secrets")];
  const ctx = context({}, {}, { granted, datasetStatus: { phase: "Bound" } });
  assert.deepEqual([ctx.datasetObject?.metadata.name, ctx.datasetObject?.status.phase], ["demo", "Bound"]);
  assert.deepEqual(ctx.granted, granted);
  assert.ok(ctx.isGranted("exec", "worker") && ctx.isGranted("exec") && ctx.isGranted("secrets"));
  assert.ok(!ctx.isGranted("exec", "fuse") && !ctx.isGranted("ports"));
});

test("a Dataset that is gone fails", () => {
  const ctx = context({}, null);
  assert.deepEqual([ctx.hasDataset, ctx.datasetObject], [false, undefined]);
  assert.throws(() => ctx.dataset, Failed);
});
