/**
 * What the host must know about a kind of runtime before it sees one.
 *
 * @typedef {object} RoleFields one part of the cache system: a workload that the chart renders
 * @property {string} name `master`, `worker` or `fuse`
 * @property {string} workload `StatefulSet` or `DaemonSet`
 * @property {string} suffix makes the workload's name from that of the runtime: `-worker`
 * @property {string} container the one of its pods that a command reaches if the plugin names none
 * @property {boolean} [neededForBound] whether one of its pods must be ready before the Dataset becomes Bound
 * @property {boolean} [startsAtZero] whether the chart installs no replicas, so that the host scales the role
 *   up after placing it
 * @property {string} [replicas] a JSON pointer to the number of replicas in the runtime; left out if the
 *   workload decides
 * @property {number} [defaultReplicas] the number if the pointer finds nothing
 *
 * @typedef {object} Description the answer of `describe`; the methods that the plugin has are found in its class
 * @property {string} kind the one that the plugin serves: `ExampleRuntime`
 * @property {string} plural the resource name of the kind: `exampleruntimes`
 * @property {string} engine the runtime type in events, statuses and mount paths: `example`
 * @property {string} version of the plugin, of any form
 * @property {RoleFields[]} roles
 * @property {{mountType: string, directory: string}} fuse the client: the word that the mount's line in
 *   /proc/self/mountinfo contains, or a JSON pointer to it in the values; and the last element of the mount path
 * @property {Want[]} [wants] the capabilities that the plugin uses
 * @property {string} [name] of the plugin; left out for that of the engine
 * @property {string[]} [apiVersions] the versions of the kind whose specs the plugin reads
 * @property {string} [implementation] stands for the engine in labels of nodes where a system has several
 *   implementations
 */

import { FLAG, SMALL_COUNT, TEXT, instance, list, optional, shape } from "./checked.js";

export const API_VERSION = "data.fluid.io/v1alpha1";

/** The usual roles. */
export const Role = {
  /**
   * Returns workers in a StatefulSet `<name>-worker`, as many as `/spec/replicas` says.
   * @param {string} container
   * @returns {RoleFields}
   */
  workers: (container) => ({
    name: "worker",
    workload: "StatefulSet",
    suffix: "-worker",
    container,
    neededForBound: true,
    startsAtZero: true,
    replicas: "/spec/replicas",
  }),

  /**
   * Returns clients in a DaemonSet `<name>-fuse`, which come with the first pod that mounts.
   * @param {string} container
   * @returns {RoleFields}
   */
  fuse: (container) => ({ name: "fuse", workload: "DaemonSet", suffix: "-fuse", container }),
};

/** A capability that the plugin uses. It holds only if the registration grants it as well. */
export class Want {
  /**
   * @param {string} capability `exec`, `http`, `secrets`, `objects`, `ports`, `state`, `events`, `kinds`,
   *   `rbac`, `fuse`, `privileged`, `host-network`, `host-paths` or `system-priority`
   * @param {string[]} [scope] roles for `exec`, `role:port` for `http`, kinds for `objects` and `kinds`,
   *   `resource:verb` for `rbac`, directories for `host-paths`
   */
  constructor(capability, scope = []) {
    TEXT("Want.capability", capability);
    list(TEXT)("Want.scope", scope);
    this.capability = capability;
    this.scope = scope;
  }
}

const ROLE = shape({
  name: TEXT,
  workload: TEXT,
  suffix: TEXT,
  container: TEXT,
  neededForBound: optional(FLAG),
  startsAtZero: optional(FLAG),
  replicas: optional(TEXT),
  defaultReplicas: optional(SMALL_COUNT),
});

export const DESCRIPTION = shape({
  kind: TEXT,
  plural: TEXT,
  engine: TEXT,
  version: TEXT,
  roles: list(ROLE),
  fuse: shape({ mountType: TEXT, directory: TEXT }),
  wants: optional(list(instance(Want))),
  name: optional(TEXT),
  apiVersions: optional(list(TEXT)),
  implementation: optional(TEXT),
});
