/** HTTP requests. */

import { empty } from '../bytes.js';
import { Mistake } from '../host.js';
import { messageOf, toJson } from '../json.js';
import { toBytes } from '../text.js';
import type { Operation } from '../wit.js';
import type { Op } from './op.js';

/**
 * An HTTP request, made by {@link Participant.post} and its siblings. Headers are options of the branch. It never
 * changes: each of its methods gives another one.
 */
export class Http implements Op {
  readonly #method: string;
  readonly #target: string;
  readonly #body: Uint8Array | Mistake;

  constructor(method: string, target: string, body: Uint8Array | Mistake = empty) {
    this.#method = method;
    this.#target = target.toWellFormed();
    this.#body = body;
  }

  /** Sends `value` as JSON, as it is now. */
  json(value: unknown): Http {
    try {
      return new Http(this.#method, this.#target, toJson(value));
    } catch (error) {
      const mistake = new Mistake(`${this.#method} ${this.#target}: no JSON form: ${messageOf(error)}`);
      return new Http(this.#method, this.#target, mistake);
    }
  }

  /** Sends text or bytes, as `application/json` unless the branch's options set another `content-type`. */
  body(body: string | Uint8Array): Http {
    return new Http(this.#method, this.#target, typeof body === 'string' ? toBytes(body) : body);
  }

  toWit(): Operation {
    if (this.#body instanceof Mistake) throw this.#body;
    return { tag: 'http', val: { method: this.#method, target: this.#target, body: this.#body } };
  }
}
