/** What a plugin is answered, and what it answers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CHANGE } from "../wasser/answers.js";
import { text, toJson } from "../wasser/checked.js";
import { DESCRIPTION } from "../wasser/description.js";
import { Bytes, Conflict, Failed, NotFound, Runtime, Share, Want, methods } from "../wasser/index.js";
import { FakeHost, output } from "../wasser/testing.js";

/** @param {any} answer */
function host(answer) {
  const pods = [
    { name: "a", role: "worker" },
    { name: "b", role: "worker", ready: false },
  ];
  return new FakeHost({ pods, onExec: () => answer });
}

test("standard output is returned", () => {
  assert.equal(host({ ...output(""), stdout: new Uint8Array([97, 255, 98]) }).run("a", ["ls"]), "a\ufffdb");
});

test("each other ending is a failure that names command and pod", () => {
  const endings = {
    "exit code 2: last": output("", { code: 2, stderr: "first\nlast\n" }),
    "nothing on standard error": output("", { code: 1 }),
    "did not finish in time": output("", { code: undefined, ending: "did not finish in time" }),
    "limits.output": output("", { truncated: true }),
    "not here": new NotFound("not here"),
  };
  for (const [says, answer] of Object.entries(endings)) {
    const names = (/** @type {any} */ error) =>
      error instanceof Failed && error.message.includes("`ls -l` in pod a") && error.message.includes(says);
    assert.throws(() => host(answer).run("a", ["ls", "-l"]), names, says);
  }
});

test("many pods are asked together", () => {
  const asked = host(output(""));
  const commands = ["a", "b"].map((pod) => ({ pod, argv: ["ls"] }));
  assert.equal(asked.execAll(commands).length, 2);
  assert.deepEqual(asked.readyPods("worker").map((pod) => pod.name), ["a"]);
});

test("a write follows a version", () => {
  const state = new FakeHost();
  const value = new Uint8Array(1);
  const first = state.setState("key", value);
  assert.throws(() => state.setState("key", value), Conflict);
  state.setState("key", value, first);
  assert.throws(() => state.removeState("key", first), Conflict);
});

test("what cannot cross to the host is refused where it is made", () => {
  const wrong = [
    () => new Bytes(1.5),
    () => new Bytes(-1),
    () => new Bytes(2n ** 64n),
    () => new Bytes(/** @type {any} */ ("1")),
    () => new Share(/** @type {any} */ ("half")),
    () => new Want("kinds", /** @type {any} */ ("Pod")),
    () => new Want("kinds", /** @type {any} */ ([5])),
    () => CHANGE("change", { added: [{ path: "/", spec: [] }] }),
    () => DESCRIPTION("describe", {}),
    () => toJson("values", []),
    () => toJson("values", { a: new Map() }),
    () => toJson("values", { a: 1n }),
    () => toJson("values", { a: [undefined] }),
  ];
  for (const make of wrong) assert.throws(make, TypeError, String(make));
  assert.equal(toJson("values", { a: [1, "b", null, true], c: undefined }), '{"a":[1,"b",null,true]}');
});

test("a field that nobody knows is named", () => {
  assert.throws(() => CHANGE("change", { add: [] }), /change.add is not known; there are added, removed, changed/);
});

test("halves of characters are replaced", () => {
  assert.equal(text("a\ud800b\u{1f600}\udc00"), "a\ufffdb\u{1f600}\ufffd");
});

test("the methods of a class are found", () => {
  class Some extends Runtime {
    validate() {}
    shouldCheckUfs() {
      return true;
    }
    dataOperation() {
      return {};
    }
  }
  assert.deepEqual([methods(new Runtime()), methods(new Some())], [[], ["validate", "should-check-ufs"]]);
});
