/** Unary gRPC calls. */

import { empty } from '../bytes.js';
import type { Operation } from '../wit.js';
import type { Op } from './op.js';

/** A unary gRPC call, made by {@link Participant.grpc}. Metadata are options of the branch. */
export class Grpc implements Op {
  readonly #target: string;
  readonly #method: string;
  readonly #message: Uint8Array;

  constructor(target: string, method: string, message: Uint8Array = empty) {
    this.#target = target;
    this.#method = method.toWellFormed();
    this.#message = message;
  }

  /** Sends an encoded message. Without one, an empty message is sent. */
  message(bytes: Uint8Array): Grpc {
    return new Grpc(this.#target, this.#method, bytes);
  }

  toWit(): Operation {
    return { tag: 'grpc', val: { target: this.#target, method: this.#method, message: this.#message } };
  }
}
