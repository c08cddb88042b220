/** The exports of a component, and the host of its engine. */

import * as hostLog from 'reprise:workflow/log@0.1.0';
import * as random from 'reprise:workflow/random@0.1.0';
import * as time from 'reprise:workflow/time@0.1.0';
import * as transaction from 'reprise:workflow/transaction@0.1.0';
import { type Host, install } from '../host.js';
import { NativePromise } from '../promise.js';
import type { Workflow } from '../workflow.js';
import { flushConsole } from './console.js';
import { crash } from './crash.js';

const runtime: Host = {
  newBranch: transaction.newBranch,
  setOptions: transaction.setOptions,
  onCommit: transaction.onCommit,
  onRollback: transaction.onRollback,
  onCommitHandler: transaction.onCommitHandler,
  onRollbackHandler: transaction.onRollbackHandler,
  onFinish: transaction.onFinish,
  submit: transaction.submit,
  waitAny: transaction.waitAny,
  takeResponse: transaction.takeResponse,
  cancel: transaction.cancel,
  scope: transaction.scope,
  now: time.now,
  timer: time.timer,
  randomBytes: random.bytes,
  log: hostLog.write,
};

/** What the component exports: the world `workflow-handlers`. */
export function exportsOf(
  workflow: Workflow<unknown, unknown> | undefined,
): Pick<Workflow<unknown, unknown>, 'run' | 'handle'> {
  if (typeof workflow?.run !== 'function' || typeof workflow.handle !== 'function') {
    throw new TypeError('the module has no workflow: write `export default workflow(async (tx, input) => ..)`');
  }
  return {
    run: (input) => entered(() => workflow.run(input)),
    handle: (phase, branch, name, payload) => entered(() => workflow.handle(phase, branch, name, payload)),
  };
}

/** One call of an export. */
function entered<T>(body: () => T | Promise<T>): T | Promise<T> {
  install(runtime);
  flushConsole();
  try {
    const result = body();
    return result instanceof NativePromise ? (result.catch(crashOn) as Promise<T>) : result;
  } catch (error) {
    return crashOn(error);
  }
}

/**
 * Passes the failure of the interface on. A mistake of the program ends the instance instead: StarlingMonkey takes any
 * object for a failure, until reading its details throws.
 */
function crashOn(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  crash(error);
  throw Object.defineProperty(error, 'details', {
    get() {
      throw error;
    },
  });
}
