/**
 * What methods return.
 *
 * @typedef {Bytes | Share | Unknown | Text} Measure a quantity that a status shows
 *
 * @typedef {object} StorageStats the size of the file system below the cache
 * @property {number | bigint} used bytes
 * @property {number | bigint} total bytes
 * @property {number | bigint} totalFiles
 * @property {number | bigint} [free] bytes; left out if the system has no limit, or does not know it
 *
 * @typedef {object} Mount a data source at its place in the file system
 * @property {string} path
 * @property {Record<string, any>} spec the entry of `Dataset.spec.mounts`
 *
 * @typedef {object} UfsChange how the mounts that the Dataset wants differ from those that there are
 * @property {Mount[]} [added]
 * @property {Mount[]} [removed]
 * @property {{old: Mount, new: Mount}[]} [changed] each as it is, and as it is wanted
 *
 * @typedef {object} Origin who has installed values
 * @property {"plugin" | "fluid" | "other"} kind
 * @property {string} name of the plugin, or what is known of somebody else
 * @property {string} version of the plugin, or of Fluid's chart
 */

import { COUNT, NUMBER, OBJECT, TEXT, list, optional, shape } from "./checked.js";

/** A number of bytes: 1073741824 is shown as `1.00GiB`. */
export class Bytes {
  /** @param {number | bigint} value */
  constructor(value) {
    COUNT("Bytes", value);
    this.value = value;
  }
}

/** A share of 1: 0.5 is shown as `50.0%`. */
export class Share {
  /** @param {number} value */
  constructor(value) {
    NUMBER("Share", value);
    this.value = value;
  }
}

/** Not known yet: an empty text. */
export class Unknown {}

/** A text, shown as it is. */
export class Text {
  /** @param {string} value */
  constructor(value) {
    TEXT("Text", value);
    this.value = value;
  }
}

export const STATS = shape({ used: COUNT, total: COUNT, totalFiles: COUNT, free: optional(COUNT) });
const MOUNT = shape({ path: TEXT, spec: OBJECT });
export const CHANGE = shape({
  added: optional(list(MOUNT)),
  removed: optional(list(MOUNT)),
  changed: optional(list(shape({ old: MOUNT, new: MOUNT }))),
});
