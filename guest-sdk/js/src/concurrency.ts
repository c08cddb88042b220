/**
 * Several parts at once: join, race, timeout. Deterministic, as results are taken in the journal's order and parts
 * begin in the order in which they are given.
 *
 * A part is a call, a timer, or a function. Of a function that is given up nothing runs any more, and its calls and
 * timers are canceled.
 */

import { TimedOut } from './error.js';
import { OrderedPromise, start } from './promise.js';
import { Started, type Timer } from './started.js';
import { currentTask, Task } from './task.js';

/** A part that can be given up. */
export type Part<T = unknown> = Started<T> | (() => T | PromiseLike<T>);

/** What a part, or a promise, comes to. */
export type ValueOf<P> = P extends () => infer R ? Awaited<R> : Awaited<P>;

/** What several of them come to, place by place. */
export type ValuesOf<P extends readonly unknown[]> = { -readonly [K in keyof P]: ValueOf<P[K]> };

/** Which part was first, with its value. */
export type FirstOf<P extends readonly unknown[]> = number extends P['length']
  ? { index: number; value: ValueOf<P[number]> }
  : { [K in keyof P]: K extends `${infer N extends number}` ? { index: N; value: ValueOf<P[K]> } : never }[number];

/** A part under way. */
interface Running {
  promise: OrderedPromise<unknown>;
  drop(): void;
}

/** All of them, whether they succeed or not; then their values in order, or the error of the first that has one. */
export function join(parts: readonly unknown[]): OrderedPromise<unknown[]> {
  const promises = parts.map((part) => (typeof part === 'function' ? begin(part as Part).promise : part));
  return OrderedPromise.allSettled(promises).then((results) =>
    results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    }),
  );
}

/** All of them, until one fails; the others are given up. */
export function tryJoin(parts: readonly Part[]): OrderedPromise<unknown[]> {
  const running = parts.map(begin);
  return OrderedPromise.all(running.map(({ promise }) => promise)).catch((error) => {
    for (const part of running) part.drop();
    throw error;
  });
}

/** The first to end, with its place; the others are given up. */
export function race(parts: readonly Part[]): OrderedPromise<{ index: number; value: unknown }> {
  if (parts.length === 0) throw new TypeError('a race of nothing would never end');
  const running = parts.map(begin);
  return new OrderedPromise((resolve, reject) => {
    const end = (index: number): void => {
      // The last one takes the place of the first: the order in which the runtime's own SDK gives up.
      const last = running.pop() as Running;
      if (index < running.length) running[index] = last;
      for (const part of running.splice(0)) part.drop();
    };
    running.forEach(({ promise }, index) => {
      promise.then(
        (value) => {
          end(index);
          resolve({ index, value });
        },
        (error) => {
          end(index);
          reject(error);
        },
      );
    });
  });
}

/** A part against a timer that was started before it. */
export function timeout(afterMs: number, timer: Timer, part: Part): OrderedPromise<unknown> {
  return race([part, timer]).then(({ index, value }) => {
    if (index === 1) throw new TimedOut(afterMs);
    return value;
  });
}

function begin(part: Part): Running {
  if (part instanceof Started) return { promise: part, drop: () => part.giveUp() };
  if (typeof part !== 'function') {
    throw new TypeError(
      'a part that can be given up is a call, a timer or a function: write `() => pay(tx)` instead of `pay(tx)`',
    );
  }
  const task = new Task(currentTask());
  return { promise: start(task, part), drop: () => task.drop() };
}
