/** A runtime that has every method, uses every function of the host, and makes every kind of mistake. */

import { Bytes, Conflict, Failed, NotGranted, NotSupported, RetryAfter, Share, Text, TimedOut, Unknown, Want } from "./wasser/index.js";
import MyCacheRuntime from "./template.js";

const WANTS = [
  new Want("http", ["worker:9000"]),
  new Want("objects", ["ConfigMap"]),
  new Want("secrets"),
  new Want("ports"),
  new Want("state"),
  new Want("events"),
];

console.log("nobody reads this");

const bytes = (text) => new TextEncoder().encode(text);
const string = (bytes) => new TextDecoder().decode(bytes);

function assert(holds, message) {
  if (!holds) throw new Error(message);
}

function deep(level) {
  return deep(level + 1) + 1;
}

const MISTAKES = {
  broken() {
    throw new RangeError("nobody expected broken");
  },
  deep: () => deep(0),
  missing: (ctx) => ctx.spec.value.levels[0],
  clock: () => new Date(),
  timer: () => console.time("a"),
  "clock-as-text": () => Date(),
  "clock-in-ms": () => Date.now(),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  wait: () => setTimeout(() => {}, 1),
  network: () => fetch("http://example.org"),
  process: () => process.env,
  type: () => new Bytes(1.5),
  text() {
    throw "a text";
  },
  half() {
    throw new Failed("half a character: \ud800.");
  },
  symbol() {
    throw Symbol("a symbol");
  },
  bare() {
    throw Object.create(null);
  },
  argv: (ctx, host) => host.run("demo-worker-0", "du"),
  stdin: (ctx, host) => host.exec({ pod: "demo-worker-0", argv: ["cat"], stdin: "text" }),
  command: (ctx, host) => host.exec({ pod: "demo-worker-0", argv: ["cat"], timout: 5 }),
  state: (ctx, host) => host.setState("a", "1"),
  port: (ctx, host) => host.httpGet("demo-worker-0", 70000, "/"),
};

/** Answers of `desired` that cannot cross. */
const VALUES = {
  async: async () => ({}),
  nan: () => ({ size: [NaN] }),
  hole: () => ({ size: [, 1] }),
  surrogate: () => ({ size: "\ud800" }),
  fields: (ctx) => ({ resources: ctx.spec }),
};

export default class Everything extends MyCacheRuntime {
  describe() {
    const found = super.describe();
    return { ...found, wants: [...found.wants, ...WANTS] };
  }

  validate(ctx, host) {
    super.validate(ctx, host);
    console.log("written to", "the log", { a: 1n }, new Error("that has no other JSON"));
    console.table([1]);
    assert(new Date(0).toISOString() === "1970-01-01T00:00:00.000Z" && new Date(0) instanceof Date, "a time");
    MISTAKES[ctx.name]?.(ctx, host);
    // What a method makes of its context is nothing that the next one sees.
    ctx.spec.value.cacheSize = "77Gi";
  }

  desired(ctx, host) {
    // Whole numbers are those of the spec, however large.
    return VALUES[ctx.name]?.(ctx) ?? { ...super.desired(ctx, host), bytes: ctx.spec.value.bytes };
  }

  checkReady(ctx, host, role) {
    return ctx.roles[role].ready === 1;
  }

  shouldCheckUfs(ctx, host) {
    return host.httpGet("demo-worker-0", 9000, "/ready", 2).status === 200;
  }

  prepareUfs(ctx, host) {
    host.log("info", string(host.httpGet("demo-worker-0", 9000, "/ready").body));
    host.event("Normal", "Prepared", "it is prepared");
  }

  setupWorkers(ctx, host) {
    let version = host.setState("a", bytes("1"));
    try {
      host.setState("a", bytes("2"));
    } catch (error) {
      assert(error instanceof Conflict, error);
      version = host.setState("a", bytes("3"), version);
    }
    const kept = host.state("a");
    assert(string(kept.value) === "3" && kept.version === version && host.stateKeys()[0] === "a", "the state");
    host.removeState("a", version);
    assert(host.state("a") === undefined, "it is removed");
  }

  syncMetadata(ctx, host) {
    assert(host.object("ConfigMap", "settings").data.a === "b", "an object");
    assert(host.object("ConfigMap", "nothing") === undefined, "no object");
    assert(string(host.secret("key", "password")) === "secret" && !host.secret("key", "other"), "a secret");
    try {
      host.object("Pod", "demo-worker-0");
    } catch (error) {
      if (error instanceof NotGranted) return;
    }
    throw new Error("a Pod was not wanted");
  }

  storageStats(ctx, host) {
    let one, two;
    try {
      [one, two] = host.execAll(["one", "two"].map((place) => ({ pod: "demo-worker-0", argv: ["size", place] })));
    } catch {
      // The first call comes here, and neither counts.
      host.log("info", "nobody reads this");
      return { used: 0, total: 0, totalFiles: 0 };
    }
    assert(two instanceof TimedOut, two);
    const ports = host.allocatePorts(["a", "b"]);
    return { used: one.stdout.length, total: ports.a, totalFiles: one.code, free: BigInt(ports.b) };
  }

  checkRuntimeHealthy(ctx) {
    assert(ctx.isGranted("exec", "worker") && !ctx.isGranted("exec", "fuse"), "the grants");
    assert(ctx.datasetObject.metadata.name === ctx.name, "the whole Dataset");
    throw new RetryAfter(7, "it is tired");
  }

  cacheStates(ctx, host) {
    assert(host.stateKeys().length === 0, "something follows a result that is not there");
    let cached;
    try {
      cached = super.cacheStates(ctx, host);
    } finally {
      // The first call comes here without a result, and what it does then must not count.
      if (!cached) {
        for (const follows of [() => host.setState("b", bytes("1")), () => host.event("Normal", "A", "b")]) {
          try {
            follows();
          } catch {}
        }
        throw new RangeError("stands for another error");
      }
    }
    return { ...cached, share: new Share(0.5), unknown: new Unknown(), text: new Text("ünknown") };
  }

  shouldUpdateUfs() {
    const [here, there] = [{ path: "/here", spec: { a: 1 } }, { path: "/there", spec: {} }];
    return { added: [here], removed: [there], changed: [{ old: here, new: there }] };
  }

  updateUfs(ctx, host, change) {
    return JSON.stringify(change) === JSON.stringify(this.shouldUpdateUfs());
  }

  syncReplicas() {
    throw new NotSupported();
  }

  dataOperation(ctx, host, kind, operation) {
    return { app: kind, infos: operation };
  }

  migrate(installed, origin) {
    return { ...installed, from: `${origin.kind} ${origin.name} ${origin.version}` };
  }
}
