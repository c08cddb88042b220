/**
 * Runs a workflow on the host's `wait-any`: owns the tickets that are waited for, and nothing else.
 *
 * The order is deterministic: results are taken one at a time in the journal's order of completion, and the workflow
 * runs until it can't go on before the next one is taken.
 */

import { host } from './host.js';
import { drain, NativePromise, OrderedPromise, outside } from './promise.js';

/** Something that the host gives a result for. */
export interface Awaitable {
  /** As the host knows it. */
  readonly id: number;
  /** Its result is there, or the earliest one that comes: takes it. */
  take(): void;
}

/** What is waited for, in the order in which somebody began to. The ids go to the host as they are. */
class Waiting {
  readonly #ids: number[] = [];
  readonly #list: Awaitable[] = [];

  get count(): number {
    return this.#list.length;
  }

  add(awaitable: Awaitable): void {
    this.#ids.push(awaitable.id);
    this.#list.push(awaitable);
  }

  remove(awaitable: Awaitable): void {
    const at = this.#list.indexOf(awaitable);
    if (at >= 0) this.#takeOut(at);
  }

  /** Waits for the earliest result. A single ticket needs no `wait-any`. */
  next(): Awaitable {
    return this.#takeOut(this.count === 1 ? 0 : host().waitAny(this.#ids));
  }

  clear(): void {
    this.#ids.length = 0;
    this.#list.length = 0;
  }

  #takeOut(at: number): Awaitable {
    this.#ids.splice(at, 1);
    return this.#list.splice(at, 1)[0] as Awaitable;
  }
}

/** What the workflow waits for. */
export const waiting = new Waiting();

/**
 * Runs until `promise` is settled and gives its value, or throws its reason.
 *
 * Gives a promise of the engine instead where the workflow waits for one, for example for `fetch`. While it waits for
 * such a promise, it takes no results.
 */
export function drive<T>(promise: OrderedPromise<T>): T | Promise<T> {
  for (;;) {
    drain();
    const outcome = OrderedPromise.outcome(promise);
    if (outcome?.kept) return outcome.value;
    if (outcome) throw outcome.reason;
    if (outside.awaited > 0) return driveLater(promise);
    if (waiting.count === 0) {
      throw new Error(
        'the workflow awaits something that is neither an operation nor a timer of its transaction, ' +
          'so nothing can ever wake it',
      );
    }
    waiting.next().take();
  }
}

/** Lets the engine's event loop go on until there is something to do here. */
function driveLater<T>(promise: OrderedPromise<T>): Promise<T> {
  const before = outside.wake;
  return new NativePromise<void>((resolve) => {
    outside.wake = resolve;
  }).then(() => {
    outside.wake = before;
    return drive(promise);
  });
}
