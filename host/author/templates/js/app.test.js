/** Tests without a component: `npm test`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import ExampleRuntime, { used } from "./app.js";
import { Bytes, Failed, Invalid } from "./wasser/index.js";
import { FakeHost, context, output } from "./wasser/testing.js";

const DATASET = { mounts: [{ mountPoint: "s3://bucket", name: "bucket" }] };
const IMAGES = { worker: "example/worker:1" };

test("values are those of the spec", () => {
  const ctx = context({ cacheSize: "2Gi" }, DATASET, { directory: "example-fuse", images: IMAGES });
  assert.deepEqual(new ExampleRuntime().desired(ctx, new FakeHost()), {
    source: "s3://bucket",
    image: "example/worker:1",
    cacheSize: "2Gi",
    mountPath: "/runtime-mnt/example/default/demo/example-fuse",
    resources: {},
    fuseNodeSelector: { "fluid.io/f-default-demo": "true" },
  });
});

test("a cache of no size is refused", () => {
  for (const cacheSize of ["", " ", 5]) {
    const ctx = context({ cacheSize }, DATASET, { kind: "ExampleRuntime" });
    const refused = (/** @type {any} */ error) =>
      error instanceof Invalid && error.field === "ExampleRuntime.spec.cacheSize";
    assert.throws(() => new ExampleRuntime().validate(ctx, new FakeHost()), refused);
  }
});

test("ready workers are asked what they have", () => {
  const pods = [
    { name: "demo-worker-0", role: "worker" },
    { name: "demo-worker-1", role: "worker", ready: false },
  ];
  const host = new FakeHost({ pods, onExec: () => output("4096\t/cache\n") });
  assert.deepEqual(new ExampleRuntime().cacheStates(context({}), host), { cached: new Bytes(4096) });
  assert.deepEqual(host.calls, ["exec demo-worker-0 du -s -B1 /cache"]);
});

test("a line of du begins with bytes", () => {
  assert.equal(used("4096\t/cache"), 4096);
  for (const line of ["", "du: no such directory"]) assert.throws(() => used(line), Failed);
});
