/**
 * Workflows without Wasm and without a runtime: a host in this process, with virtual time.
 *
 * A {@link TestHost} answers the operations of a workflow, performs phase two and gives back every operation in order.
 * It runs the workflow a second time with the recorded results and throws where that takes another path. What the
 * runtime does when attempts fail is the business of `reprise check`.
 *
 * ```ts
 * const run = new TestHost()
 *   .on('POST bank/out', () => Answer.ok())
 *   .on('POST bank/in', () => Answer.failure('unknown account'))
 *   .run(transfer, 30);
 * assert.equal(run.failure?.message, 'the participant refused: unknown account');
 * assert.deepEqual(run.trace, [
 *   '01 action POST bank/out: success',
 *   '02 action POST bank/in: failure',
 *   '01 rollback POST bank/out/revert: success',
 * ]);
 * ```
 */

import { surroundings, withGlobals } from '../engines/globals.js';
import { Failure } from '../failure.js';
import { install } from '../host.js';
import { encode } from '../json.js';
import { toText } from '../text.js';
import type { FailureValue, Level } from '../wit.js';
import type { Workflow } from '../workflow.js';
import { Answer } from './answer.js';
import { dateOf } from './date.js';
import type { Request } from './request.js';
import { World } from './world.js';

export { Answer } from './answer.js';
export { Request, type Role } from './request.js';

/** What came of a run. */
export interface TestRun<O> {
  /** What the workflow returned, as its JSON says it; nothing if it gave up. */
  readonly output: O | undefined;
  /** Why it gave up; then it was rolled back. */
  readonly failure: Failure | undefined;
  /** Every operation, in order. */
  readonly calls: readonly Request[];
  /** The same, a line each: `01 action POST bank/out: success`. */
  readonly trace: readonly string[];
  /** What the workflow logged. */
  readonly log: ReadonlyArray<readonly [Level, string]>;
  /** Virtual time from start to end. */
  readonly elapsedMs: number;
}

/**
 * A host in this process that answers operations by their key.
 *
 * Keys are `POST participant/path`, `GRPC participant/package.Service/Method`, `SQL database`, `XA database`; one that
 * ends in `*` stands for all with this beginning. Of several keys that fit, the last one added counts. Without an
 * answer an action ends as `invalid`, and anything in phase two succeeds.
 */
export class TestHost {
  readonly #answers: Array<readonly [string, (request: Request) => Answer]> = [];
  #seed = 0;
  #isLenient = false;

  /** Answers operations of this key. */
  on(key: string, answer: (request: Request) => Answer): this {
    this.#answers.push([key, answer]);
    return this;
  }

  /** Other random numbers for the workflow. */
  seed(seed: number): this {
    this.#seed = seed;
    return this;
  }

  /** Lets actions pass that don't say how they are undone, as a runtime does whose configuration says `lenient`. */
  lenient(): this {
    this.#isLenient = true;
    return this;
  }

  /**
   * Runs a workflow with `input`, in whatever form gives the input's JSON, or bytes, and then its commit or rollback.
   *
   * Throws where the runtime would quarantine: the workflow threw an error that is no failure, takes another path when
   * it is run again, or waits for something that nothing can wake; or a handler failed.
   */
  run<I, O>(workflow: Workflow<I, O>, input: unknown): TestRun<O> {
    const world = new World((request) => this.#answer(request), this.#seed, this.#isLenient);
    const date = [globalThis, 'Date', dateOf(() => world.clockMs)] as const;
    install(world);
    try {
      return withGlobals([...surroundings, date], () => runIn(world, workflow, encode(input ?? null)));
    } finally {
      install(undefined);
    }
  }

  #answer(request: Request): Answer {
    const fits = (key: string): boolean =>
      key.endsWith('*') ? request.key.startsWith(key.slice(0, -1)) : key === request.key;
    const found = this.#answers.findLast(([key]) => fits(key));
    if (found !== undefined) return found[1](request);
    if (request.role !== 'action') return Answer.ok();
    return Answer.invalid(`the TestHost has no answer for \`${request.key}\`: add .on('${request.key}', ..)`);
  }
}

function runIn<I, O>(world: World, workflow: Workflow<I, O>, input: Uint8Array): TestRun<O> {
  once(world, workflow, input);
  world.replay();
  const { output, failure } = once(world, workflow, input);
  world.endReplay();
  phaseTwo(world, workflow, failure === undefined);
  return {
    output: output && (JSON.parse(toText(output)) as O),
    failure: failure && new Failure(failure.message, failure.details),
    calls: world.calls,
    trace: world.trace,
    log: world.logged,
    elapsedMs: world.elapsedMs,
  };
}

/** Runs the function once. */
function once(
  world: World,
  workflow: Workflow<any, any>,
  input: Uint8Array,
): { output?: Uint8Array; failure?: FailureValue } {
  try {
    const output = workflow.run(input);
    if (!(output instanceof Uint8Array)) throw waits();
    world.returned(toText(output));
    return { output };
  } catch (error) {
    if (error instanceof Error) throw error;
    const failure = error as FailureValue;
    world.returned(`failure ${failure.message}`);
    return { failure };
  }
}

/** Commits or rolls back, in reverse order; then notifies. */
function phaseTwo(world: World, workflow: Workflow<any, any>, commits: boolean): void {
  const phase = commits ? 'commit' : 'rollback';
  const due = world.registrations.filter((each) => each.phase === phase && (commits || world.isToBeUndone(each)));
  for (const { branch, what } of due.reverse()) {
    if ('operation' in what) {
      world.perform(branch, phase, what.operation);
      continue;
    }
    try {
      const end = world.handle({ phase, branch }, () => workflow.handle(phase, branch, what.handler, what.payload));
      if (end !== undefined) throw waits();
    } catch (error) {
      throw error instanceof Error ? error : new Error((error as FailureValue).message);
    }
  }
  for (const operation of world.finishing) world.perform(undefined, 'finish', operation);
}

function waits(): Error {
  return new Error('the workflow waits for a promise of Node; in a test it can wait for its transaction only');
}
