/** What the package keeps of an execution between the calls of its exports: handlers, closures, mistakes. */

import type { Branch } from './branch.js';
import { Failure } from './failure.js';
import type { Transaction } from './transaction.js';
import type { Phase } from './wit.js';

/** A handler of `workflow({ handlers }, ..)` with its payload still as bytes. */
export type BoundHandler = (tx: Transaction, branch: Branch, phase: Phase, payload: Uint8Array) => unknown;

/** Code that a branch registered. Called again when it failed. */
export type Closure = (tx: Transaction, branch: Branch) => unknown;

/** Something that was wrong in what the workflow registered, kept until a call can report it. */
interface Mistake {
  branch: number | undefined;
  text: string;
  reported: boolean;
}

let handlers: ReadonlyMap<string, BoundHandler> = new Map();
let closures: Closure[] = [];
let mistakes: Mistake[] = [];

/** Forgets everything: a new run begins. */
export function reset(): void {
  closures = [];
  mistakes = [];
}

/** Makes the named handlers known. */
export function installHandlers(known: ReadonlyMap<string, BoundHandler>): void {
  handlers = known;
}

/** The handler of this name. */
export function handler(name: string): BoundHandler | undefined {
  return handlers.get(name);
}

/** Keeps a closure and gives the name under which `handle` is called for it. */
export function keep(closure: Closure): string {
  closures.push(closure);
  return `#${closures.length - 1}`;
}

/** The closure of this name: `#0`, `#1`, ... in the order in which they were registered. */
export function closure(name: string): Closure | undefined {
  return closures[Number(name.slice(1))];
}

/** Keeps what went wrong; `branch`: none for what belongs to no branch. */
export function note(branch: number | undefined, text: string): void {
  mistakes.push({ branch, text, reported: false });
}

/** The first mistake made on `branch`; all of its mistakes count as reported from now on. */
export function mistake(branch: number): string | undefined {
  if (mistakes.length === 0) return undefined;
  const own = mistakes.filter((each) => each.branch === branch);
  for (const each of own) each.reported = true;
  return own[0]?.text;
}

/** The first mistake that no call has reported, as the failure it has to become; forgets all of them. */
export function unreported(): Failure | undefined {
  const first = mistakes.find((each) => !each.reported);
  mistakes = [];
  if (first === undefined) return undefined;
  const about = first.branch === undefined ? '' : `branch ${String(first.branch).padStart(2, '0')}: `;
  return new Failure(`${about}${first.text}`);
}
