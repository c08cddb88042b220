/**
 * The promise of workflows. It behaves as the language's own, but its jobs wait in a queue of this package, so that
 * the executor knows when the workflow can't go on without a result, and runs them without help of the engine.
 *
 * It takes the place of the global `Promise`; `async` functions use it, as the build turns them into generators.
 */

import { currentTask, switchTo, Task, within } from './task.js';

type Resolve<T> = (value: T | PromiseLike<T>) => void;
type Reject = (reason?: unknown) => void;

/** Something to run, and the task it runs in. */
interface Job {
  readonly task: Task;
  run(): void;
}

/** The event loop of the engine, where it has one. */
interface Outside {
  /** Called when a job is put into an empty queue. */
  wake: () => void;
  /** How many of the engine's own promises are waited for. */
  awaited: number;
}

/** The engine's own promise. */
export const NativePromise = globalThis.Promise;

const nothing = (): void => {};

/** The executor of a promise that something else settles. */
export const settledElsewhere = (): void => {};

let jobs: Job[] = [];
const unhandled = new Map<OrderedPromise<unknown>, unknown>();

export const outside: Outside = { wake: nothing, awaited: 0 };

/** Puts a job into the queue. */
export function enqueue(job: Job): void {
  jobs.push(job);
  if (jobs.length === 1) outside.wake();
}

/** Runs jobs until none is left. */
export function drain(): void {
  const before = currentTask();
  while (jobs.length > 0) {
    const batch = jobs;
    jobs = [];
    for (const job of batch) {
      if (job.task.dropped) continue;
      switchTo(job.task);
      job.run();
    }
  }
  switchTo(before);
}

/** Reasons of promises that were rejected while nobody waited for them, since the last call of this. */
export function takeUnhandled(): unknown[] {
  const reasons = [...unhandled.values()];
  unhandled.clear();
  return reasons;
}

/** A promise whose jobs run in this package's queue. */
export class OrderedPromise<T> implements Promise<T> {
  #state: 'pending' | 'kept' | 'broken' = 'pending';
  #value: unknown = undefined;
  #reactions: Reaction[] | undefined = undefined;

  constructor(executor: (resolve: Resolve<T>, reject: Reject) => void) {
    if (typeof executor !== 'function') throw new TypeError('a promise needs a function');
    if (executor === settledElsewhere) return;
    const { resolve, reject } = OrderedPromise.#settlers<T>(this);
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  then<A = T, B = never>(
    onKept?: ((value: T) => A | PromiseLike<A>) | null,
    onBroken?: ((reason: any) => B | PromiseLike<B>) | null,
  ): OrderedPromise<A | B> {
    const derived = new OrderedPromise<unknown>(settledElsewhere);
    this.react(new Reaction(currentTask(), onKept, onBroken, derived));
    return derived as OrderedPromise<A | B>;
  }

  catch<B = never>(onBroken?: ((reason: any) => B | PromiseLike<B>) | null): OrderedPromise<T | B> {
    return this.then(undefined, onBroken);
  }

  finally(onSettled?: (() => void) | null): OrderedPromise<T> {
    if (typeof onSettled !== 'function') return this.then();
    return this.then(
      (value) => OrderedPromise.resolve(onSettled()).then(() => value),
      (reason) =>
        OrderedPromise.resolve(onSettled()).then(() => {
          throw reason;
        }),
    );
  }

  /** Whether it is settled. */
  protected get isSettled(): boolean {
    return this.#state !== 'pending';
  }

  /** How many wait for it. */
  protected get waiters(): number {
    return this.#reactions?.length ?? 0;
  }

  /** Called whenever somebody begins to wait for it. */
  protected awaited(): void {}

  /** Settles it, unless it is settled. */
  protected settle(kept: boolean, value: unknown): void {
    if (this.isSettled) return;
    this.#state = kept ? 'kept' : 'broken';
    this.#value = value;
    const reactions = this.#reactions;
    this.#reactions = undefined;
    if (reactions === undefined) {
      if (!kept) unhandled.set(this, value);
      return;
    }
    for (const reaction of reactions) enqueue(reaction.to(kept, value));
  }

  /** Resolves it as `resolve` of its executor would. */
  protected resolveWith(value: unknown): void {
    if (value === this) {
      this.settle(false, new TypeError('a promise can not wait for itself'));
    } else if (value instanceof OrderedPromise) {
      value.react(new Reaction(currentTask(), undefined, undefined, this));
    } else if (value !== null && (typeof value === 'object' || typeof value === 'function')) {
      this.#adopt(value);
    } else {
      this.settle(true, value);
    }
  }

  /** Another kind of promise: its own `then` tells when it is settled. */
  #adopt(value: object): void {
    const { resolve, reject } = OrderedPromise.#settlers(this);
    let then: unknown;
    try {
      then = (value as PromiseLike<unknown>).then;
    } catch (error) {
      reject(error);
      return;
    }
    if (typeof then !== 'function') {
      this.settle(true, value);
    } else if (value instanceof NativePromise) {
      this.#adoptNative(value);
    } else {
      const run = (): void => {
        try {
          then.call(value, resolve, reject);
        } catch (error) {
          reject(error);
        }
      };
      enqueue({ task: currentTask(), run });
    }
  }

  /** A promise of the engine: only its event loop can settle it. */
  #adoptNative(value: Promise<unknown>): void {
    const task = currentTask();
    const settled = (kept: boolean) => (result: unknown) => {
      outside.awaited -= 1;
      enqueue({ task, run: () => this.settle(kept, result) });
    };
    outside.awaited += 1;
    value.then(settled(true), settled(false));
  }

  /** Lets `reaction` follow. */
  private react(reaction: Reaction): void {
    if (this.#state === 'pending') {
      if (this.#reactions === undefined) this.#reactions = [reaction];
      else this.#reactions.push(reaction);
      this.awaited();
    } else {
      if (this.#state === 'broken') unhandled.delete(this);
      enqueue(reaction.to(this.#state === 'kept', this.#value));
    }
  }

  /** Does what follows on the outcome of another promise, which settles this one. */
  follow(handler: unknown, kept: boolean, value: unknown): void {
    if (typeof handler !== 'function') {
      this.settle(kept, value);
      return;
    }
    let result: unknown;
    try {
      result = handler(value);
    } catch (error) {
      this.settle(false, error);
      return;
    }
    this.resolveWith(result);
  }

  /** What the executor needs of a promise that it drives: none while it is pending. */
  static outcome<T>(
    promise: OrderedPromise<T>,
  ): { kept: true; value: T } | { kept: false; reason: unknown } | undefined {
    if (promise.#state === 'pending') return undefined;
    unhandled.delete(promise);
    if (promise.#state === 'kept') return { kept: true, value: promise.#value as T };
    return { kept: false, reason: promise.#value };
  }

  /** The two functions of an executor: the first call of either counts. */
  static #settlers<T>(promise: OrderedPromise<unknown>): { resolve: Resolve<T>; reject: Reject } {
    let called = false;
    const once = (settle: () => void): void => {
      if (called) return;
      called = true;
      settle();
    };
    return {
      resolve: (value) => once(() => promise.resolveWith(value)),
      reject: (reason) => once(() => promise.settle(false, reason)),
    };
  }

  static resolve(): OrderedPromise<void>;
  static resolve<T>(value: T | PromiseLike<T>): OrderedPromise<Awaited<T>>;
  static resolve(value?: unknown): OrderedPromise<unknown> {
    if (value instanceof OrderedPromise) return value;
    const promise = new OrderedPromise<unknown>(settledElsewhere);
    promise.resolveWith(value);
    return promise;
  }

  static reject<T = never>(reason?: unknown): OrderedPromise<T> {
    const promise = new OrderedPromise<T>(settledElsewhere);
    promise.settle(false, reason);
    return promise;
  }

  static withResolvers<T>(): { promise: OrderedPromise<T>; resolve: Resolve<T>; reject: Reject } {
    const promise = new OrderedPromise<T>(settledElsewhere);
    return { promise, ...OrderedPromise.#settlers<T>(promise) };
  }

  /** Calls `body` at once; what it throws rejects the promise. */
  static try<T, A extends unknown[]>(
    body: (...given: A) => T | PromiseLike<T>,
    ...given: A
  ): OrderedPromise<Awaited<T>> {
    return new OrderedPromise((resolve) => resolve(body(...given) as Awaited<T>));
  }

  static all<T>(values: Iterable<T | PromiseLike<T>>): OrderedPromise<Awaited<T>[]> {
    return gather(values, (results, resolve, reject) => ({
      kept: (at, value) => results.set(at, value),
      broken: (_, reason) => reject(reason),
      end: () => resolve(results.list()),
    })) as OrderedPromise<Awaited<T>[]>;
  }

  static allSettled<T>(values: Iterable<T | PromiseLike<T>>): OrderedPromise<PromiseSettledResult<Awaited<T>>[]> {
    return gather(values, (results, resolve) => ({
      kept: (at, value) => results.set(at, { status: 'fulfilled', value }),
      broken: (at, reason) => results.set(at, { status: 'rejected', reason }),
      end: () => resolve(results.list()),
    })) as OrderedPromise<PromiseSettledResult<Awaited<T>>[]>;
  }

  static any<T>(values: Iterable<T | PromiseLike<T>>): OrderedPromise<Awaited<T>> {
    return gather(values, (results, resolve, reject) => ({
      kept: (_, value) => resolve(value),
      broken: (at, reason) => results.set(at, reason),
      end: () => reject(new AggregateError(results.list(), 'all promises were rejected')),
    })) as OrderedPromise<Awaited<T>>;
  }

  static race<T>(values: Iterable<T | PromiseLike<T>>): OrderedPromise<Awaited<T>> {
    return gather(values, (_, resolve, reject) => ({
      kept: (_, value) => resolve(value),
      broken: (_, reason) => reject(reason),
      end: nothing,
    })) as OrderedPromise<Awaited<T>>;
  }

  static get [Symbol.species](): typeof OrderedPromise {
    return OrderedPromise;
  }
}

/** What follows when a promise is settled. */
class Reaction implements Job {
  readonly task: Task;
  readonly #onKept: unknown;
  readonly #onBroken: unknown;
  readonly #derived: OrderedPromise<unknown>;
  #kept = false;
  #value: unknown = undefined;

  constructor(task: Task, onKept: unknown, onBroken: unknown, derived: OrderedPromise<unknown>) {
    this.task = task;
    this.#onKept = onKept;
    this.#onBroken = onBroken;
    this.#derived = derived;
  }

  /** Ready to run, with the outcome that it follows on. */
  to(kept: boolean, value: unknown): this {
    this.#kept = kept;
    this.#value = value;
    return this;
  }

  run(): void {
    this.#derived.follow(this.#kept ? this.#onKept : this.#onBroken, this.#kept, this.#value);
  }
}

/** Results of several promises, in the order of the promises. */
class Results {
  readonly #values: unknown[] = [];

  set(at: number, value: unknown): void {
    this.#values[at] = value;
  }

  list(): unknown[] {
    return this.#values;
  }
}

interface Gathering {
  kept(at: number, value: unknown): void;
  broken(at: number, reason: unknown): void;
  /** All are settled; also when there were none. */
  end(): void;
}

/** Waits for several promises, in their order. */
function gather(
  values: Iterable<unknown>,
  begin: (results: Results, resolve: (value: unknown) => void, reject: Reject) => Gathering,
): OrderedPromise<unknown> {
  return new OrderedPromise((resolve, reject) => {
    const gathering = begin(new Results(), resolve, reject);
    let open = 1;
    const settled = (): void => {
      open -= 1;
      if (open === 0) gathering.end();
    };
    let count = 0;
    for (const value of values) {
      const at = count;
      count += 1;
      open += 1;
      OrderedPromise.resolve(value).then(
        (result) => {
          gathering.kept(at, result);
          settled();
        },
        (reason) => {
          gathering.broken(at, reason);
          settled();
        },
      );
    }
    settled();
  });
}

/** Runs `body` as a task of its own. */
export function start<T>(task: Task, body: () => T | PromiseLike<T>): OrderedPromise<Awaited<T>> {
  return within(task, () => OrderedPromise.try(body));
}
