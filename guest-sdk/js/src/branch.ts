/** A branch: one participant's part of the transaction. */

import { empty } from './bytes.js';
import { host, Mistake, mistakeOf } from './host.js';
import { encode, messageOf } from './json.js';
import type { Op } from './operation/index.js';
import { type Options, toJson } from './options.js';
import { OrderedPromise, start } from './promise.js';
import type { Reply } from './reply.js';
import * as session from './session.js';
import { Call, Refused, replyOf, Ticket } from './started.js';
import { currentTask, Task } from './task.js';
import type { Operation } from './wit.js';

/**
 * One participant's part of the transaction: one action, and what commit and rollback do.
 *
 * Set options first, then register what undoes the action, then call it. An action that may change something is
 * refused unless its undo is registered before it, or the branch says that there is nothing to undo ({@link readOnly})
 * or no way back ({@link pivot}); `GET` and XA need none.
 *
 * ```ts
 * const out = tx.branch().options({ retry: { attempts: 5 } }).onRollback(bank.post('/transfer-out/revert').json(30));
 * const reply = await out.call(bank.post('/transfer-out').json(30));
 * ```
 *
 * A mistake in what is registered (a wrong option, a value without JSON form, an unknown handler) comes out where the
 * branch is called, as a {@link CallError} of the kind `invalid`, and nothing is sent. On a branch that is not called
 * after it, it turns the workflow's success into a failure.
 */
export class Branch {
  /**
   * The branch's number: 1 for the `branch_id` `01` that participants see. Branches that a handler opens have numbers
   * of their own, far above those of the workflow.
   */
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  /** Sets options for what follows on this branch; what they don't name stays. */
  options(options: Options): this {
    return this.#noted(() => {
      const json = toJson(options);
      if (json !== undefined) host().setOptions(this.id, json);
    });
  }

  /** The action changes nothing, so there is nothing to undo: the option `effect: 'read-only'`. */
  readOnly(): this {
    return this.options({ effect: 'read-only' });
  }

  /** There is no way back from the action: the option `effect: 'pivot'`. */
  pivot(): this {
    return this.options({ effect: 'pivot' });
  }

  /** The runtime performs `op` when the transaction commits. */
  onCommit(op: Op): this {
    return this.#noted(() => host().onCommit(this.id, op.toWit()));
  }

  /** The runtime performs `op` when the transaction rolls back. Register it before the action that it undoes. */
  onRollback(op: Op): this {
    return this.#noted(() => host().onRollback(this.id, op.toWit()));
  }

  /**
   * The handler `name` of `workflow({ handlers }, ..)` runs with `payload` when the transaction commits.
   *
   * `payload`: whatever has a JSON form, or bytes as they are; nothing is no bytes, which read as `null`.
   */
  onCommitHandler(name: string, payload?: unknown): this {
    return this.#noted(() => host().onCommitHandler(this.id, checked(name), payloadOf(name, payload)));
  }

  /** As {@link onCommitHandler}, when the transaction rolls back. */
  onRollbackHandler(name: string, payload?: unknown): this {
    return this.#noted(() => host().onRollbackHandler(this.id, checked(name), payloadOf(name, payload)));
  }

  /**
   * `closure` runs when the transaction commits; what it calls on the branch it is given is the commit operation.
   *
   * The runtime replays the workflow first when its instance is gone, and calls the closure again when it fails. An
   * operation or a named handler needs neither, so prefer those.
   */
  onCommitWith(closure: session.Closure): this {
    return this.#noted(() => host().onCommitHandler(this.id, session.keep(closure), empty));
  }

  /** As {@link onCommitWith}, when the transaction rolls back. */
  onRollbackWith(closure: session.Closure): this {
    return this.#noted(() => host().onRollbackHandler(this.id, session.keep(closure), empty));
  }

  /**
   * Submits the branch's one action, here and now; awaiting what this returns gives its result.
   *
   * Calls that are written one after the other and awaited later run concurrently. In a handler or closure of phase
   * two, on the branch it was given, this is the commit or rollback operation, repeated until it succeeds.
   */
  call(op: Op): Call<Reply> {
    const earlier = session.mistake(this.id);
    if (earlier !== undefined) return new Call(new Refused(earlier), replyOf);
    let operation: Operation;
    try {
      operation = op.toWit();
    } catch (mistake) {
      return new Call(new Refused(mistakeOf(mistake)), replyOf);
    }
    return new Call(new Ticket(host().submit(this.id, operation)), replyOf);
  }

  /**
   * Runs `body`; the requests of `fetch` in it are actions of this branch and carry its parameters. Elsewhere each gets
   * a branch of its own, and what runs meanwhile outside of `body` is not in the scope.
   *
   * One request may change something, and what undoes it is registered before; more may follow that only read.
   * `fetch` needs the engine StarlingMonkey.
   */
  scope<T>(body: () => T | PromiseLike<T>): OrderedPromise<Awaited<T>> {
    return start(new Task(currentTask(), this.id), body);
  }

  /** Keeps what went wrong until a call reports it. */
  #noted(register: () => void): this {
    try {
      register();
    } catch (error) {
      session.note(this.id, mistakeOf(error));
    }
    return this;
  }
}

/** The name, if there is such a handler. */
function checked(name: string): string {
  if (session.handler(name) === undefined) {
    throw new Mistake(`no handler \`${name}\`: name it in workflow({ handlers: { ${name} } }, ..)`);
  }
  return name;
}

function payloadOf(name: string, payload: unknown): Uint8Array {
  if (payload === undefined) return empty;
  try {
    return encode(payload);
  } catch (error) {
    throw new Mistake(`the payload of \`${name}\` has no JSON form: ${messageOf(error)}`);
  }
}
