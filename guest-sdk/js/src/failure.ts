/** Why a workflow gives up. */

import { empty } from './bytes.js';
import { encode, messageOf } from './json.js';
import type { FailureValue } from './wit.js';

/**
 * An error that rolls every branch back when it leaves the workflow. Any other error is a mistake of the program: it
 * neither commits nor rolls back, and the execution is kept for a fixed component.
 */
export abstract class RollbackError extends Error {
  /** For programs: given back to whoever triggered the execution. May be empty. */
  get details(): Uint8Array {
    return empty;
  }
}

/** Why a workflow gives up. Throwing it rolls every branch back. */
export class Failure extends RollbackError {
  readonly #details: Uint8Array;

  /**
   * `message`: for people, shown by the runtime's API and command line; `details`: what programs may want to know, sent
   * as JSON, or bytes as they are.
   */
  constructor(message: string, details?: unknown) {
    let bytes: Uint8Array = empty;
    if (details !== undefined) {
      try {
        bytes = encode(details);
      } catch (error) {
        message = `${message} (its details have no JSON form: ${messageOf(error)})`;
      }
    }
    super(message);
    this.name = 'Failure';
    this.#details = bytes;
  }

  override get details(): Uint8Array {
    return this.#details;
  }

  /** The same failure, with what it is about before its message: `e2: the participant refused`. */
  about(what: string): Failure {
    return new Failure(`${what}: ${this.message}`, this.#details);
  }

  /**
   * The failure that an error comes to when it leaves the workflow.
   *
   * Throws any error that does not roll back, as it is.
   */
  static from(error: unknown): Failure {
    if (error instanceof Failure) return error;
    if (error instanceof RollbackError) return new Failure(error.message, error.details);
    throw error;
  }

  /** As the interface has it. */
  toWit(): FailureValue {
    return { message: this.message.toWellFormed(), details: this.#details };
  }
}
