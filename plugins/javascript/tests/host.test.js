/** What a plugin is answered, and what it answers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CHANGE } from "../wasser/answers.js";
import { text, toJson } from "../wasser/checked.js";
import { DESCRIPTION } from "../wasser/description.js";
import { fromJson } from "../wasser/json.js";
import { Bytes, Conflict, Failed, NotFound, RetryAfter, Runtime, Share, TimedOut, Want, methods } from "../wasser/index.js";
import { checkNames } from "../wasser/runtime.js";
import { FakeHost, context, converse, output } from "../wasser/testing.js";

/** @param {any} answer */
function host(answer) {
  const pods = [
    { name: "a", role: "worker" },
    { name: "b", role: "worker", ready: false },
  ];
  return new FakeHost({ pods, onExec: () => answer });
}

test("standard output is returned", () => {
  assert.equal(host({ ...output(""), stdout: new Uint8Array([32, 97, 255, 98, 10]) }).run("a", ["ls"]), "a\ufffdb");
  assert.equal(host(output("a", { stderr: "many", stderrTruncated: true })).run("a", ["ls"]), "a");
});

test("each other ending is a failure that names command and pod", () => {
  const endings = {
    "exit code 2: last": output("", { code: 2, stderr: "first\nlast\n" }),
    "nothing on standard error": output("", { code: 1 }),
    "did not finish in time": output("", { code: undefined, ending: "did not finish in time" }),
    "limits.output": output("", { truncated: true }),
    "in another way": output("", { code: undefined, ending: "in another way", truncated: true }),
    "without end": output("", { code: undefined, ending: "wrote more than the limit, and was cut off" }),
    "not here": new NotFound("not here"),
  };
  for (const [says, answer] of Object.entries(endings)) {
    const names = (/** @type {any} */ error) =>
      error instanceof Failed &&
      error instanceof TimedOut === says.includes("in time") &&
      error.message.includes("`ls -l` in pod a") && error.message.includes(says);
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

test("what no function takes is refused before it is asked", () => {
  const asked = /** @type {any} */ (host(output("")));
  const command = { pod: "a", argv: ["ls"] };
  /** @type {Record<string, () => any>} */
  const wrong = {
    "commands[0].argv is \"ls\", and must be a list": () => asked.run("a", "ls"),
    "commands[0].argv[1] is 5, and must be a text": () => asked.exec({ ...command, argv: ["ls", 5] }),
    "commands[0].stdin is \"text\", and must be a Uint8Array": () => asked.exec({ ...command, stdin: "text" }),
    "commands[0].timout is not known; there are pod, argv": () => asked.exec({ ...command, timout: 5 }),
    "commands[0].timeout is -1, and must be": () => asked.run("a", ["ls"], -1),
    "commands[0].timeout is NaN, and must be": () => asked.run("a", ["ls"], NaN),
    "commands[0].pod has half a character at 1": () => asked.run("a\ud800", ["ls"]),
    "port is 70000, and must be a port from 1 to 65535": () => asked.httpGet("a", 70000, "/"),
    "port is \"80\"": () => asked.httpGet("a", "80", "/"),
    "value is \"1\", and must be a Uint8Array": () => asked.setState("k", "1"),
    "ifVersion is undefined, and must be a text": () => asked.removeState("k"),
    "names is \"a\", and must be a list": () => asked.allocatePorts("a"),
    "level is \"warning\", and must be debug or": () => asked.log("warning", "a"),
    "severity is \"normal\", and must be Normal or": () => asked.event("normal", "A", "b"),
  };
  for (const [says, ask] of Object.entries(wrong)) {
    assert.throws(ask, (/** @type {any} */ error) => error instanceof TypeError && error.message.includes(says), says);
  }
  assert.deepEqual(asked.calls, []);
});

test("each result ends a call, and what follows has no effect", () => {
  const asked = host(output("1"));
  let calls = 0;
  const answer = converse(asked, (on) => {
    calls += 1;
    on.log("info", "once");
    let found;
    try {
      found = [on.run("a", ["x"]), on.run("a", ["x"])];
    } catch {
      on.log("warn", "nobody reads this");
      on.setState("caught", new Uint8Array(1));
    }
    return found;
  });
  assert.deepEqual([answer, calls, asked.stateKeys()], [["1", "1"], 3, []]);
  assert.deepEqual(asked.calls, ["log info once", "exec a x", "exec a x"]);
  assert.throws(() => converse(host(new NotFound("not here")), (on) => on.run("a", ["x"])), /not here/);
  assert.throws(() => converse(new FakeHost(), (on) => on.httpGet("a", 80, "/")), NotFound);
  let number = 0;
  assert.throws(() => converse(host(output("")), (on) => on.run("a", [`${(number += 1)}`])), /no answer after 500/);
});

test("what cannot cross to the host is refused where it is made", () => {
  /** @type {any} */
  const deep = {};
  deep.deep = deep;
  const wrong = [
    () => new Bytes(1.5),
    () => new Bytes(-1),
    () => new Bytes(2n ** 64n),
    () => new Bytes(/** @type {any} */ ("1")),
    () => new Share(/** @type {any} */ ("half")),
    () => new Want("kinds", /** @type {any} */ ("Pod")),
    () => new Want("kinds", /** @type {any} */ ([5])),
    () => new Share(NaN),
    () => new RetryAfter(/** @type {any} */ ("soon"), "a"),
    () => new RetryAfter(NaN, "a"),
    () => CHANGE("change", { added: [{ path: "/", spec: [] }] }),
    () => CHANGE("change", { added: [, { path: "/", spec: {} }] }),
    () => DESCRIPTION("describe", {}),
    () => toJson("values", []),
    () => toJson("values", { a: new Map() }),
    () => toJson("values", { a: 2n ** 64n }),
    () => toJson("values", { a: [undefined] }),
    () => toJson("values", { a: [, 1] }),
    () => toJson("values", { a: "b\ud800" }),
    () => toJson("values", { "\ud800": 1 }),
    () => toJson("values", deep),
  ];
  for (const make of wrong) assert.throws(make, TypeError, String(make));
  CHANGE("change", { added: null });
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

test("whole numbers above 2^53 are kept in both directions", () => {
  for (const text of [
    '{"a":9007199254740993,"b":[18446744073709551615,-9223372036854775808,{}],"c":[],"d":{"e":"1234567890123456"}}',
    '{"__proto__":9007199254740993}',
    '{"quotes \\" and \\\\":9007199254740993,"f":1.5,"g":null,"h":true}',
  ]) {
    assert.equal(toJson("values", fromJson(text)), text);
  }
  assert.deepEqual(fromJson('{ "a" : [ 9007199254740993 , 1e300 , 0.1234567890123456 ] , "b" : 9007199254740991 }'), {
    a: [9007199254740993n, 1e300, 0.1234567890123456],
    b: 9007199254740991,
  });
  assert.throws(() => fromJson("9007199254740993,"), SyntaxError);
  const ctx = context({ size: 9007199254740993n }, {}, { kind: "Kind", installed: { size: 9007199254740993n } });
  assert.deepEqual([ctx.spec.value.size, ctx.installed?.size], [9007199254740993n, 9007199254740993n]);
  assert.throws(() => ctx.spec.integer("size"), /Kind.spec.size: must be a whole number up to 2\^53/);
  assert.throws(() => new Bytes(2 ** 60), /above 2\^53 a BigInt/);
});

test("a name that is nearly that of a method is refused", () => {
  for (const name of ["checkRuntimeHealth", "cache_states", "Validate", "syncReplica", "dataOperations"]) {
    const Some = class extends Runtime {};
    Object.defineProperty(Some.prototype, name, { value() {} });
    assert.throws(() => new Some(), new RegExp(`\`${name}\` of Some is never called; the host calls`), name);
  }
  class Field extends Runtime {
    cachedStates = () => ({});
  }
  assert.throws(() => checkNames(new Field()), /the host calls `cacheStates`/);
  class Others extends Runtime {
    migrated = 5;
    validate = () => {};
    _cachedStates() {}
    used() {}
  }
  checkNames(new Others());
});
