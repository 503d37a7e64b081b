/**
 * JSON whose whole numbers are all kept. `JSON.parse` rounds those above 2^53 without a word.
 */

/** Whether a text can have a number that is too long. Most have none. */
const LONG = /\d{16}/;
const TOKEN = /\s*(?:([{}[\]:,])|("(?:[^"\\]|\\.)*")|([^\s{}[\]:,"]+))/y;

/**
 * Returns what a JSON text says. Whole numbers above 2^53 are a BigInt.
 * @param {string} text
 * @returns {any}
 */
export function fromJson(text) {
  const parsed = JSON.parse(text);
  return LONG.test(text) ? new Reader(text).value() : parsed;
}

/** Reads a text that is JSON. */
class Reader {
  #text;
  #at = 0;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  /** @returns {RegExpExecArray} */
  #token() {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text);
    if (!token) throw new SyntaxError("the text is not JSON");
    this.#at = TOKEN.lastIndex;
    return token;
  }

  /**
   * Returns the value that begins with a token.
   * @param {RegExpExecArray} [token]
   * @returns {any}
   */
  value([, mark, string, word] = this.#token()) {
    if (mark) return mark === "{" ? Object.fromEntries(this.#fields()) : [...this.#items()];
    if (string) return JSON.parse(string);
    const number = JSON.parse(word);
    return Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(word) ? BigInt(word) : number;
  }

  /** @returns {Generator<any>} */
  *#items() {
    for (let token = this.#token(); token[1] !== "]"; token = this.#token()) {
      yield this.value(token[1] === "," ? this.#token() : token);
    }
  }

  /** @returns {Generator<[string, any]>} */
  *#fields() {
    for (let token = this.#token(); token[1] !== "}"; token = this.#token()) {
      const [, , name] = token[1] === "," ? this.#token() : token;
      this.#token();
      yield [JSON.parse(name), this.value()];
    }
  }
}
