/** The transaction that a workflow is given: branches, time, randomness. */

import { Branch } from './branch.js';
import * as concurrency from './concurrency.js';
import type { FirstOf, Part, ValueOf, ValuesOf } from './concurrency.js';
import { host, mistakeOf } from './host.js';
import type { Op } from './operation/index.js';
import type { OrderedPromise } from './promise.js';
import { randomBytes, randomNumber, uuid } from './random.js';
import * as session from './session.js';
import { Ticket, Timer } from './started.js';

const SECONDS_MAX = 0xffff_ffff;

/** The transaction that a workflow is given. */
export class Transaction {
  /** Opens the next branch: `01`, `02`, ... for participants, in the order of these calls. */
  branch(): Branch {
    return new Branch(host().newBranch());
  }

  /**
   * The runtime performs `op` when all is done, with `op=finish` and `outcome=succeeded` or `outcome=failed` beside the
   * other parameters, and repeats it until it succeeds. A mistake in it turns the workflow's success into a failure.
   */
  onFinish(op: Op): void {
    try {
      host().onFinish(op.toWit());
    } catch (error) {
      session.note(undefined, mistakeOf(error));
    }
  }

  /** The time of the last result that this workflow has seen; the same on every replay. `Date.now()` says the same. */
  now(): Date {
    const { seconds, nanos } = host().now();
    return new Date(seconds * 1000 + Math.floor(nanos / 1_000_000));
  }

  /**
   * Starts a timer of `ms` milliseconds, here and now; awaiting it waits for the rest of it. The runtime may drop the
   * instance meanwhile. Longer than 136 years counts as 136 years.
   */
  sleep(ms: number): Timer {
    if (typeof ms !== 'number' || !(ms >= 0)) throw new TypeError(`${ms} is no number of milliseconds`);
    const seconds = Math.floor(ms / 1000);
    const nanos = Math.floor((ms - seconds * 1000) * 1_000_000);
    const length = seconds > SECONDS_MAX ? { seconds: SECONDS_MAX, nanos: 0 } : { seconds, nanos };
    return new Timer(new Ticket(host().timer(length)));
  }

  /** Random bytes, the same on every replay. */
  randomBytes(length: number): Uint8Array {
    return randomBytes(length);
  }

  /** A random number from 0 to below 1, the same on every replay. `Math.random()` says the same. */
  random(): number {
    return randomNumber();
  }

  /** A random id (UUID version 4), the same on every replay. */
  uuid(): string {
    return uuid();
  }

  /**
   * Waits until all of the parts are done, whether they succeed or not; then gives their values in order, or throws the
   * error of the first part that has one. `Promise.all` throws at once instead, and lets the others go on.
   */
  join<const P extends readonly unknown[]>(parts: P): OrderedPromise<ValuesOf<P>> {
    return concurrency.join(parts) as OrderedPromise<ValuesOf<P>>;
  }

  /** As {@link join}, but ends at the first error in time, and gives up the other parts. */
  tryJoin<const P extends readonly Part[]>(parts: P): OrderedPromise<ValuesOf<P>> {
    return concurrency.tryJoin(parts) as OrderedPromise<ValuesOf<P>>;
  }

  /**
   * Waits until one of the parts is done and gives its place and value, or throws its error; the others are given up.
   *
   * ```ts
   * const first = await tx.race([branch.call(bank.get('/rate')), tx.sleep(10_000)]);
   * const rate = first.index === 0 ? first.value.json(Rate) : undefined;
   * ```
   */
  race<const P extends readonly Part[]>(parts: P): OrderedPromise<FirstOf<P>> {
    return concurrency.race(parts) as unknown as OrderedPromise<FirstOf<P>>;
  }

  /**
   * Runs a part for at most `ms` milliseconds, counted from here; then gives it up.
   *
   * Throws {@link TimedOut}: it was not done in time.
   */
  timeout<P extends Part>(ms: number, part: P): OrderedPromise<ValueOf<P>> {
    return concurrency.timeout(ms, this.sleep(ms), part) as OrderedPromise<ValueOf<P>>;
  }
}
