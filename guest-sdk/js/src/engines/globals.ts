/**
 * The globals that have to be the workflow's own: promises, timers, randomness. The first thing that a component loads.
 */

import { viewOf } from '../bytes.js';
import { host, isInstalled } from '../host.js';
import { enqueue, OrderedPromise } from '../promise.js';
import { randomBytes, randomNumber, uuid } from '../random.js';
import type { Timer } from '../started.js';
import { currentTask } from '../task.js';
import { Transaction } from '../transaction.js';
import { consoleOfHost } from './console.js';

/** A global: what it belongs to, its name, its value. */
export type Global = readonly [object, string, unknown];

const bakedRandom = Math.random;

/** Promises whose jobs run in the workflow's queue. */
export const promises: readonly Global[] = [
  [globalThis, 'Promise', OrderedPromise],
  [globalThis, 'queueMicrotask', (run: () => void) => enqueue({ task: currentTask(), run })],
];

/** Time and chance, from the host. */
export const surroundings: readonly Global[] = [
  [globalThis, 'setTimeout', setTimer],
  [globalThis, 'clearTimeout', (timer: Timer | undefined) => timer?.giveUp()],
  // The engine's own counts from the time when the component was built.
  [globalThis, 'performance', { now: elapsedMs }],
  // While a component is built there is no host; what is drawn then is the same in every execution.
  [Math, 'random', () => (isInstalled() ? randomNumber() : bakedRandom())],
];

/** `crypto`, for random numbers and ids. */
export const crypto: Global = [
  globalThis,
  'crypto',
  {
    getRandomValues<T extends ArrayBufferView>(view: T): T {
      viewOf(view).set(randomBytes(view.byteLength));
      return view;
    },
    randomUUID: uuid,
  },
];

/** `console`, which writes to the execution's log. */
export const console: Global = [globalThis, 'console', consoleOfHost()];

/** Puts globals in place. */
export function define(globals: readonly Global[]): void {
  for (const [object, name, value] of globals) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true, enumerable: false });
  }
}

/** Runs `body` with globals in place, and puts back what was there. */
export function withGlobals<T>(globals: readonly Global[], body: () => T): T {
  const before = globals.map(
    ([object, name]) => [object, name, Object.getOwnPropertyDescriptor(object, name)] as const,
  );
  define(globals);
  try {
    return body();
  } finally {
    for (const [object, name, descriptor] of before) {
      if (descriptor !== undefined) Object.defineProperty(object, name, descriptor);
    }
  }
}

let first: number | undefined;

/** Milliseconds since this was first asked. */
function elapsedMs(): number {
  const { seconds, nanos } = host().now();
  const now = seconds * 1000 + nanos / 1_000_000;
  first ??= now;
  return now - first;
}

function setTimer(callback: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): Timer {
  const timer = new Transaction().sleep(Math.max(0, Number(ms) || 0));
  timer.then(() => callback(...given));
  return timer;
}
