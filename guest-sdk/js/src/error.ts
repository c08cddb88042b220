/** Why a call did not succeed, or its reply could not be read. */

import { RollbackError } from './failure.js';
import { Reply } from './reply.js';
import type { CallErrorValue } from './wit.js';

/** How a call ended that did not succeed. Each of these is recorded, so a replay sees the same. */
export type CallErrorKind = CallErrorValue['tag'];

/**
 * Why an operation did not succeed; its `kind` says which:
 *
 * - `failure`: the participant refused; a {@link Refusal} with its reply.
 * - `exhausted`: the allowed attempts are used up. Whether the participant acted is unknown.
 * - `deadline`: the deadline of the branch has passed. Whether the participant acted is unknown.
 * - `canceled`: the operation was canceled first. Whether the participant acted is unknown.
 * - `invalid`: it can't be performed as it stands, or a mistake was made earlier on its branch (a wrong option, a value
 *   without JSON form, an unknown handler). Nothing was sent.
 *
 * Not caught, it rolls the transaction back.
 */
export class CallError extends RollbackError {
  readonly kind: CallErrorKind;

  constructor(kind: CallErrorKind, message: string) {
    super(message);
    this.name = 'CallError';
    this.kind = kind;
  }

  /** The error that the interface gives. */
  static of(error: CallErrorValue): CallError {
    switch (error.tag) {
      case 'failure':
        return new Refusal(Reply.of({ status: 0, refused: true, headers: [], body: error.val }));
      case 'exhausted':
        return new CallError('exhausted', `no success within the allowed attempts: ${error.val}`);
      case 'deadline':
        return new CallError('deadline', `no success before the deadline: ${error.val}`);
      case 'canceled':
        return new CallError('canceled', 'the operation was cancelled');
      case 'invalid':
        return new CallError('invalid', error.val);
    }
  }
}

/**
 * The participant refused (HTTP 409, gRPC ABORTED, or what the outcome map says), with its reply. A database says in
 * JSON what it refused: `{"message": "..", "statement": 1}`, with statements counted from 1.
 */
export class Refusal extends CallError {
  /** What it answered. */
  readonly reply: Reply;

  constructor(reply: Reply) {
    super('failure', `the participant refused: ${reasonOf(reply)}`);
    this.name = 'Refusal';
    this.reply = reply;
  }

  override get details(): Uint8Array {
    return this.reply.bytes;
  }
}

/** A part did not end within its time. Not caught, it rolls the transaction back. */
export class TimedOut extends RollbackError {
  /** The time it had, in milliseconds. */
  readonly afterMs: number;

  constructor(afterMs: number) {
    super(`not done within ${lengthOf(afterMs)}`);
    this.name = 'TimedOut';
    this.afterMs = afterMs;
  }
}

/** Why a participant refused, for people: a database says it in JSON, others as they like. */
function reasonOf(reply: Reply): string {
  if (reply.status === 0) {
    try {
      const { message } = reply.json<{ message?: unknown }>();
      if (typeof message === 'string') return message;
    } catch {
      // Not a database's JSON: the beginning of the reply says it.
    }
  }
  return reply.excerpt();
}

/** A time for people, as the runtime writes it: `1.5s`, `200ms`. */
function lengthOf(ms: number): string {
  if (ms === 0) return '0ns';
  if (ms >= 1000) return `${ms / 1000}s`;
  return ms >= 1 ? `${ms}ms` : `${ms * 1000}µs`;
}
