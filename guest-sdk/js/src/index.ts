/**
 * Write Reprise workflows in JavaScript and TypeScript.
 *
 * A workflow is an `async` function, the default export of its module; `reprise-guest build` makes a component of it
 * that the runtime deploys. Returning commits every branch, throwing a {@link Failure} rolls every branch back, each in
 * reverse order, and the errors of calls roll back too, so a rollback takes no more than an `await`:
 *
 * ```ts
 * import { participant, workflow } from '@reprise/guest';
 *
 * export default workflow(async (tx, order: { account: string; amount: number }) => {
 *   const bank = participant('bank');
 *   const pay = tx.branch().onRollback(bank.post('/pay/revert').json(order));
 *   return await pay.call(bank.post('/pay').json(order)).json<{ balance: number }>();
 * });
 * ```
 *
 * What makes a workflow durable is that it takes the same path when the runtime runs it again with the recorded
 * results. Ordinary code, promises and `async` functions between the calls are deterministic; so are `Date`,
 * `Math.random`, `crypto.randomUUID` and `setTimeout`.
 *
 * Where does an operation start? Where it is written: {@link Branch.call} and {@link Transaction.sleep} submit at once,
 * in the order of the program text, and `await` only waits.
 */

export { Branch } from './branch.js';
export type { FirstOf, Part, ValueOf, ValuesOf } from './concurrency.js';
export { CallError, type CallErrorKind, Refusal, TimedOut } from './error.js';
export { Failure, RollbackError } from './failure.js';
export * as log from './log.js';
export {
  Grpc,
  Http,
  type Op,
  Participant,
  participant,
  participantAt,
  type Real,
  real,
  Sql,
  sql,
  type SqlParameter,
  type StatementOptions,
} from './operation/index.js';
export type { Match, Options, Outcome, OutcomeMap, Retry } from './options.js';
export { Reply, ReplyError } from './reply.js';
export type { Schema } from './schema.js';
export type { Closure } from './session.js';
export { Call, Started, Timer } from './started.js';
export { Transaction } from './transaction.js';
export type { Level, Phase } from './wit.js';
export { type Handler, handler, raw, type Settings, workflow, type Workflow } from './workflow.js';
