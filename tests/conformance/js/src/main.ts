/** The scenarios of `../SCENARIOS.md` in JavaScript. The journals must be the bytes of the Rust guest's. */

import { Failure, workflow } from '@reprise/guest';
import * as v from 'valibot';
import * as calls from './calls.js';
import * as concurrency from './concurrency.js';
import * as operations from './operations.js';
import * as phaseTwo from './phase-two.js';
import * as surroundings from './surroundings.js';
import type { Scenario } from './stub.js';

/** Which scenario, and its parameters. */
const Input = v.object({ scenario: v.string(), count: v.optional(v.number(), 0), amount: v.optional(v.number()) });

const scenarios: Record<string, Scenario> = {
  saga: calls.saga,
  refused: calls.refused,
  attempts: calls.attempts,
  deadline: calls.deadline,
  cancel: calls.cancel,
  invalid: calls.invalid,
  failure: calls.failure,
  options: calls.options,
  full: calls.full,
  many: calls.many,
  tcc: concurrency.tcc,
  'fan-out': concurrency.fanOut,
  race: concurrency.race,
  'many-tasks': concurrency.manyTasks,
  big: operations.big,
  empty: operations.empty,
  unicode: operations.unicode,
  sql: operations.statements,
  xa: operations.xa,
  grpc: operations.grpc,
  http: operations.http,
  handlers: phaseTwo.handlers,
  'commit-handlers': phaseTwo.commitHandlers,
  'handler-fails': phaseTwo.handlerFails,
  closures: phaseTwo.closures,
  finish: phaseTwo.finish,
  sleep: surroundings.sleep,
  now: surroundings.now,
  random: surroundings.random,
  entropy: surroundings.entropy,
  log: surroundings.messages,
  trap: surroundings.trap,
  // What makes it fail is the shape of the input, before it begins.
  'bad-input': async () => ({}),
};

export default workflow({ input: Input, handlers: phaseTwo.named }, async (tx, { scenario, count }) => {
  const run = scenarios[scenario];
  if (run === undefined) throw new Failure('unknown scenario');
  return run(tx, count);
});
