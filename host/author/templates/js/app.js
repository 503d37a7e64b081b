/** ExampleRuntime: which parts it consists of, and the values of its chart. The host does the rest. */

import { Bytes, Failed, Invalid, Role, Runtime, Want } from "./wasser/index.js";

/** How long a command in a pod may take, in seconds. */
const PATIENCE = 5;

/**
 * @typedef {import("./wasser/index.js").Context} Context
 * @typedef {import("./wasser/index.js").Host} Host
 */

/** The runtime. */
export default class ExampleRuntime extends Runtime {
  describe() {
    return {
      kind: "ExampleRuntime",
      plural: "exampleruntimes",
      engine: "example",
      version: "0.1.0",
      roles: [Role.workers("example-worker"), Role.fuse("example-fuse")],
      fuse: { mountType: "fuse.example", directory: "example-fuse" },
      wants: [new Want("kinds", ["StatefulSet", "DaemonSet"]), new Want("exec", ["worker"]), new Want("fuse")],
    };
  }

  /**
   * Refuses what cannot work, and names field and remedy.
   * @param {Context} ctx
   * @param {Host} host
   */
  validate(ctx, host) {
    if (!ctx.spec.text("cacheSize", "1Gi").trim()) {
      throw new Invalid(
        "ExampleRuntime.spec.cacheSize",
        "is empty; give a size such as 1Gi, or leave the field out",
      );
    }
  }

  /**
   * Returns the values that the spec asks for now, whether something is installed or not.
   * @param {Context} ctx
   * @param {Host} host
   */
  desired(ctx, host) {
    const [mount] = ctx.dataset.items("mounts");
    if (!mount) throw new Invalid("Dataset.spec.mounts", "needs a mount");
    return {
      source: mount.text("mountPoint"),
      image: ctx.image("worker"),
      cacheSize: ctx.spec.text("cacheSize", "1Gi"),
      mountPath: ctx.mountPath,
      resources: ctx.spec.fields("resources").value,
      fuseNodeSelector: { [ctx.fuseLabel]: "true" },
    };
  }

  /**
   * Asks each worker how much it has cached. A worker that does not answer now may do so later.
   * @param {Context} ctx
   * @param {Host} host
   */
  cacheStates(ctx, host) {
    const said = host.readyPods("worker").map((pod) => host.run(pod.name, ["du", "-s", "-B1", "/cache"], PATIENCE));
    return { cached: new Bytes(said.map(used).reduce((sum, bytes) => sum + bytes, 0)) };
  }
}

/**
 * Returns the bytes in a line of `du`.
 * @param {string} said
 */
export function used(said) {
  const [, first] = /^(\d+)\s/.exec(said) ?? [];
  if (!first) throw new Failed(`\`du\` says \`${said}\`, which begins with no number`);
  return Number(first);
}
