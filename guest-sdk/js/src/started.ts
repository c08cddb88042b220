/** What was started: calls and timers. They are promises that can be given up. */

import { CallError, Refusal } from './error.js';
import { waiting, type Awaitable } from './executor.js';
import { callErrorOf, host } from './host.js';
import { OrderedPromise, settledElsewhere } from './promise.js';
import { Reply } from './reply.js';
import type { Schema } from './schema.js';
import { currentTask, type Droppable, type Task } from './task.js';
import type { CallErrorValue, Response } from './wit.js';

/** What came of a ticket. */
type Taken = { response: Response } | { error: CallErrorValue };

/** Where a result comes from. Several promises may read the same one. */
interface Origin {
  /** Waits from now on; `arrive` gets the result, at once if it is there. */
  wait(arrive: (taken: Taken) => void): void;
  /** Goes on waiting, if that was given up. */
  resume(): void;
  /** No further attempt is made; who waits is told. */
  cancel(): void;
  /** Cancels it, and a single one who waits is not told. */
  giveUp(): void;
}

/** A ticket of the host. */
export class Ticket implements Origin, Awaitable, Droppable {
  readonly id: number;
  readonly #task: Task = currentTask();
  readonly #readers: Array<(taken: Taken) => void> = [];
  #state: 'started' | 'waiting' | 'taken' = 'started';
  #taken: Taken | undefined;

  constructor(id: number) {
    this.id = id;
    this.#task.opened(this);
  }

  wait(arrive: (taken: Taken) => void): void {
    if (this.#taken !== undefined) {
      arrive(this.#taken);
      return;
    }
    this.#readers.push(arrive);
    this.resume();
  }

  resume(): void {
    if (this.#state !== 'started') return;
    this.#state = 'waiting';
    waiting.add(this);
  }

  take(): void {
    this.#state = 'taken';
    this.#task.closed(this);
    try {
      this.#taken = { response: host().takeResponse(this.id) };
    } catch (error) {
      this.#taken = { error: callErrorOf(error) };
    }
    for (const arrive of this.#readers) arrive(this.#taken);
  }

  cancel(): void {
    if (this.#state !== 'taken') host().cancel(this.id);
  }

  giveUp(): void {
    this.cancel();
    if (this.#readers.length <= 1) this.#stopWaiting();
  }

  drop(): void {
    this.cancel();
    this.#stopWaiting();
  }

  #stopWaiting(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'started';
    waiting.remove(this);
  }
}

/** A call that is not made because of a mistake. */
export class Refused implements Origin {
  readonly #mistake: string;

  constructor(mistake: string) {
    this.#mistake = mistake;
  }

  wait(arrive: (taken: Taken) => void): void {
    arrive({ error: { tag: 'invalid', val: this.#mistake } });
  }

  resume(): void {}

  cancel(): void {}

  giveUp(): void {}
}

/** A promise of something that was started. */
export class Started<T> extends OrderedPromise<T> {
  protected readonly origin: Origin;
  readonly #read: (response: Response) => T;
  #waits = false;

  constructor(origin: Origin, read: (response: Response) => T) {
    super(settledElsewhere);
    this.origin = origin;
    this.#read = read;
  }

  /** Gives it up: no further attempt is made, and awaiting it throws a {@link CallError} of the kind `canceled`. */
  cancel(): void {
    if (!this.isSettled) this.origin.cancel();
  }

  /** Gives it up after a race; it settles only if somebody else waits for it. */
  giveUp(): void {
    if (this.isSettled) return;
    if (this.waiters > 1) this.origin.cancel();
    else this.origin.giveUp();
  }

  protected override awaited(): void {
    if (this.#waits) {
      this.origin.resume();
      return;
    }
    this.#waits = true;
    this.origin.wait((taken) => this.#arrive(taken));
  }

  #arrive(taken: Taken): void {
    try {
      if ('error' in taken) throw CallError.of(taken.error);
      this.settle(true, this.#read(taken.response));
    } catch (error) {
      this.settle(false, error);
    }
  }
}

/**
 * The action of a branch, already submitted; a promise of its reply, or of what is read of it.
 *
 * It rejects with a {@link CallError}. An action that nobody awaits is finished by the runtime before a commit, and
 * given up before a rollback.
 */
export class Call<T = Reply> extends Started<T> {
  /** Reads the reply as JSON: {@link Reply.json}. */
  json<U>(schema?: Schema<U>): Call<U> {
    return new Call(this.origin, (response) => replyOf(response).json(schema));
  }

  /** Reads the reply as text. */
  text(): Call<string> {
    return new Call(this.origin, (response) => replyOf(response).text());
  }
}

/** A timer, already started. */
export class Timer extends Started<void> {
  constructor(ticket: Ticket) {
    super(ticket, () => undefined);
  }
}

/** The reply of a participant. A refusal is an error for the workflow. */
export function replyOf(response: Response): Reply {
  const reply = Reply.of(response);
  if (response.refused) throw new Refusal(reply);
  return reply;
}
