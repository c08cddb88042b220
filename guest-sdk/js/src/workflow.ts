/** A workflow: the function, its input, its handlers, and the two exports of the component around it. */

import { Branch } from './branch.js';
import { ownBytes } from './bytes.js';
import { drive, waiting } from './executor.js';
import { Failure } from './failure.js';
import { decode, encode, messageOf } from './json.js';
import * as log from './log.js';
import { NativePromise, start, takeUnhandled } from './promise.js';
import { check, type Schema } from './schema.js';
import * as session from './session.js';
import { Task } from './task.js';
import { Transaction } from './transaction.js';
import type { Phase } from './wit.js';

/** Bytes as they are, where JSON is not wanted: as the input of a workflow or the payload of a handler. */
export const raw = Symbol('bytes as they are');

/** How bytes are read: as JSON of a schema's shape, or as they are. */
export type Shape<T> = Schema<T> | typeof raw;

/** What a shape reads. */
export type Read<S> = S extends typeof raw ? Uint8Array : S extends Schema<infer T> ? T : never;

/** Code for phase two. What it calls on `branch` is that branch's commit or rollback operation. */
export type Handler<P = any> = (tx: Transaction, branch: Branch, phase: Phase, payload: P) => unknown;

/** A handler whose payload is checked. */
export interface CheckedHandler {
  payload: Shape<any>;
  run: Handler;
}

/** A handler whose payload has a shape. */
export function handler<const S extends Shape<any>>(payload: S, run: Handler<Read<S>>): CheckedHandler {
  return { payload, run };
}

/** What stands beside the function of a workflow. */
export interface Settings<S> {
  /** What the input has to look like; without it, it is JSON of any shape. */
  input?: S;
  /** Functions that branches register by name: `onCommitHandler`, `onRollbackHandler`. */
  handlers?: Record<string, Handler | CheckedHandler>;
}

/** A workflow, as the default export of its module. */
export interface Workflow<I, O> {
  /** Types of the input and the output, for tests; there is no such value. */
  readonly types?: { input: I; output: O };
  /** The export `run`. Throws the failure of the interface where the workflow gave up. */
  run(input: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The export `handle`. Throws the failure of the interface where the handler did not succeed. */
  handle(phase: Phase, branch: number, name: string, payload: Uint8Array): void | Promise<void>;
}

/**
 * Makes a workflow of a function: returning commits every branch; throwing a {@link Failure}, or an error of this
 * package, rolls every branch back, each in reverse order. Any other error does neither: the execution is kept and
 * shown as quarantined.
 *
 * The output is sent as JSON, a `Uint8Array` as it is, and nothing as `null`.
 */
export function workflow<I, O>(run: (tx: Transaction, input: I) => O | PromiseLike<O>): Workflow<I, O>;
export function workflow<const S extends Shape<any>, O>(
  settings: Settings<S>,
  run: (tx: Transaction, input: Read<S>) => O | PromiseLike<O>,
): Workflow<Read<S>, O>;
export function workflow(...given: unknown[]): Workflow<unknown, unknown> {
  const run = given.pop();
  const settings = (given.pop() ?? {}) as Settings<Shape<unknown>>;
  if (typeof run !== 'function') throw new TypeError('a workflow is a function: workflow(async (tx, input) => ..)');
  return define(run as (tx: Transaction, input: unknown) => unknown, settings);
}

function define(
  run: (tx: Transaction, input: unknown) => unknown,
  { input: shape, handlers = {} }: Settings<Shape<unknown>>,
): Workflow<unknown, unknown> {
  const bound = new Map(Object.entries(handlers).map(([name, each]) => [name, bind(each)]));
  return {
    run(bytes) {
      session.reset();
      session.installHandlers(bound);
      return perform(
        () => run(new Transaction(), read(bytes, shape, 'the input')),
        (output) => {
          try {
            return encode(output === undefined ? null : output);
          } catch (error) {
            throw new Failure(`the output has no JSON form: ${messageOf(error)}`);
          }
        },
      );
    },
    handle(phase, branch, name, payload) {
      session.installHandlers(bound);
      return perform(
        () => finish(phase, new Branch(branch), name, payload),
        () => undefined,
        (failure) => failure.about(`handler \`${name}\``),
      );
    },
  };
}

/** Runs what was registered under `name` for phase two. */
function finish(phase: Phase, branch: Branch, name: string, payload: Uint8Array): unknown {
  if (name.startsWith('#')) {
    const closure = session.closure(name);
    if (closure !== undefined) return closure(new Transaction(), branch);
  } else {
    const found = session.handler(name);
    if (found !== undefined) return found(new Transaction(), branch, phase, payload);
  }
  throw new Failure(`this component has no handler \`${name}\``);
}

function bind(handler: Handler | CheckedHandler): session.BoundHandler {
  const { payload: shape, run } = typeof handler === 'function' ? { payload: undefined, run: handler } : handler;
  return (tx, branch, phase, payload) => run(tx, branch, phase, read(payload, shape, 'the payload'));
}

function read(bytes: Uint8Array, shape: Shape<unknown> | undefined, what: string): unknown {
  if (shape === raw) return ownBytes(bytes);
  try {
    return check(decode(bytes), shape);
  } catch (error) {
    throw new Failure(`${what} can't be read: ${messageOf(error)}`);
  }
}

/**
 * Runs `body` to its end as a task of its own. `conclude` makes the result of what it gives; `about` puts before a
 * failure what it is about.
 */
function perform<T>(
  body: () => unknown,
  conclude: (output: unknown) => T,
  about: (failure: Failure) => Failure = (failure) => failure,
): T | Promise<T> {
  waiting.clear();
  const succeed = (output: unknown): T => {
    reportUnhandled();
    const mistake = session.unreported();
    if (mistake !== undefined) throw mistake.toWit();
    return concluded(() => conclude(output));
  };
  const fail = (error: unknown): never => {
    reportUnhandled();
    throw about(failureOf(error)).toWit();
  };
  let output: unknown;
  try {
    output = drive(start(new Task(), body));
  } catch (error) {
    return fail(error);
  }
  return output instanceof NativePromise ? output.then(succeed, fail) : succeed(output);
}

function concluded<T>(conclude: () => T): T {
  try {
    return conclude();
  } catch (error) {
    throw failureOf(error).toWit();
  }
}

/** The failure that rolls back. A mistake of the program goes on as an error, which ends the instance. */
function failureOf(error: unknown): Failure {
  if (error instanceof Error) return Failure.from(error);
  throw new Error(`something that is no error was thrown: ${String(error)}`);
}

/** Says which promises failed while nobody waited for them. */
function reportUnhandled(): void {
  for (const reason of takeUnhandled()) log.warn(`a promise failed and nobody awaited it: ${messageOf(reason)}`);
}
