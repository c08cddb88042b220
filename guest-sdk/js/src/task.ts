/**
 * Tasks: which part of a workflow is running, what it has under way, and whether it was given up.
 *
 * Every job of {@link OrderedPromise} runs in the task in which it was asked for, so a part that lost a race can be
 * stopped as a whole, and requests of `fetch` belong to the branch whose scope they are made in.
 */

import { host } from './host.js';

/** Something that is under way and can be given up. */
export interface Droppable {
  /** Gives it up; it will not settle any more. */
  drop(): void;
}

/** A part of a workflow: its calls, its timers, its own parts. */
export class Task implements Droppable {
  /** Nothing of a dropped task runs any more. */
  dropped = false;
  /** The branch that requests of `fetch` belong to. */
  readonly scope: number | undefined;
  /** What is under way. A whole workflow is never given up, so it keeps none. */
  readonly #open: Set<Droppable> | undefined;

  constructor(parent?: Task, scope: number | undefined = parent?.scope) {
    this.scope = scope;
    this.#open = parent && new Set();
    parent?.opened(this);
  }

  /** Keeps what has to be given up with the task. */
  opened(part: Droppable): void {
    this.#open?.add(part);
  }

  /** Forgets what has come to its end. */
  closed(part: Droppable): void {
    this.#open?.delete(part);
  }

  drop(): void {
    this.dropped = true;
    for (const part of this.#open ?? []) part.drop();
    this.#open?.clear();
  }
}

let running = new Task();
let entered: number | undefined;

/** The task that is running. */
export function currentTask(): Task {
  return running;
}

/** Goes on in another task. */
export function switchTo(task: Task): void {
  running = task;
  if (task.scope !== entered) {
    entered = task.scope;
    host().scope(entered);
  }
}

/** Runs `body` in `task`, then goes on in the present one. */
export function within<T>(task: Task, body: () => T): T {
  const before = running;
  switchTo(task);
  try {
    return body();
  } finally {
    switchTo(before);
  }
}
