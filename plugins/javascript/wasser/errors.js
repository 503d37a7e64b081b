/** Why a method could not do its work. Any other exception is a bug of the plugin, and a fault. */

import { SECONDS } from "./checked.js";

/** An answer of a method that is not a result. Throw one of the classes below. */
export class WasserError extends Error {
  /** @param {string} [message] for people */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The plugin leaves this call to the host, which does the same as for every runtime. */
export class NotSupported extends WasserError {}

/** The user's object is wrong. The host reports the field and waits for a change. */
export class Invalid extends WasserError {
  /**
   * @param {string} field begins with the kind: `Dataset.spec.mounts[0].mountPoint`
   * @param {string} remedy what is wrong, and what to write instead
   */
  constructor(field, remedy) {
    super(`${field}: ${remedy}`);
    this.field = field;
    this.remedy = remedy;
  }
}

/** The method cannot do its work yet. The host calls again after some seconds. */
export class RetryAfter extends WasserError {
  /**
   * @param {number} seconds
   * @param {string} message
   */
  constructor(seconds, message) {
    SECONDS("RetryAfter.seconds", seconds);
    super(message);
    this.seconds = seconds;
  }
}

/** The attempt failed. The host reports the message and retries with growing pauses. */
export class Failed extends WasserError {}

/** The host could not do what the plugin asked of it. Not caught, it fails the method. */
export class HostError extends Failed {}

/** The registration does not grant this, or `describe` does not want it. */
export class NotGranted extends HostError {}

/** There is no such pod, container or object, or it is not running. */
export class NotFound extends HostError {}

/** Somebody else has changed it since it was read. Not caught, the host calls again soon. */
export class Conflict extends HostError {}

/** Too much was asked for at once. Not caught, the host calls again after these seconds. */
export class Throttled extends HostError {
  /**
   * @param {number} seconds
   * @param {string} message
   */
  constructor(seconds, message) {
    super(message);
    this.seconds = seconds;
  }
}

/** It did not finish in time. */
export class TimedOut extends HostError {
  constructor(message = "did not finish in time") {
    super(message);
  }
}

/**
 * The result is not there yet: the host calls the method again once it is. A method that catches it is
 * called again all the same, so nothing else needs to know it.
 */
export class Pending extends Error {}
