/**
 * The functions of the WIT world as the rest of the package calls them: the runtime's in a component, those of a
 * `TestHost` in a test. What they throw is read by {@link thrown}, as engines disagree on its shape.
 */

import type { CallErrorValue, Duration, Level, Moment, Operation, Response } from './wit.js';

/** `wit/workflow.wit`, function by function; a `result` that is an error is thrown. */
export interface Host {
  newBranch(): number;
  setOptions(branch: number, options: string): void;
  onCommit(branch: number, operation: Operation): void;
  onRollback(branch: number, operation: Operation): void;
  onCommitHandler(branch: number, name: string, payload: Uint8Array): void;
  onRollbackHandler(branch: number, name: string, payload: Uint8Array): void;
  onFinish(operation: Operation): void;
  submit(branch: number, operation: Operation): number;
  waitAny(tickets: number[]): number;
  takeResponse(ticket: number): Response;
  cancel(ticket: number): void;
  scope(branch: number | undefined): void;
  now(): Moment;
  timer(length: Duration): number;
  randomBytes(length: number): Uint8Array;
  log(level: Level, message: string): void;
}

/** The host that is installed; none while a component is built and outside of `TestHost.run`. */
let installed: Host | undefined;

/** Puts a host in place, or takes it away. */
export function install(next: Host | undefined): void {
  installed = next;
}

/** Whether there is a host to call. */
export function isInstalled(): boolean {
  return installed !== undefined;
}

/**
 * The host.
 *
 * Throws where there is none: at the top level of a module, which runs once, when the component is built.
 */
export function host(): Host {
  if (installed === undefined) {
    throw new Error(
      'there is no transaction here: the top level of a module runs once, when the component is built; ' +
        'call this in the workflow',
    );
  }
  return installed;
}

/** What a host function threw: QuickJS throws the value itself, StarlingMonkey an error that holds it. */
export function thrown(error: unknown): unknown {
  return (error as { payload?: unknown } | null)?.payload ?? error;
}

/** What is wrong in what a workflow asks for, found before the host was asked. */
export class Mistake extends Error {}

/** The text of a {@link Mistake} or of a `result<_, string>` that is an error; any other error is a bug and goes on. */
export function mistakeOf(error: unknown): string {
  if (error instanceof Mistake) return error.message;
  const value = thrown(error);
  if (typeof value !== 'string') throw error;
  return value;
}

/** The call error of a `result<_, call-error>`; any other error is a bug and goes on. */
export function callErrorOf(error: unknown): CallErrorValue {
  const value = thrown(error);
  if (typeof (value as CallErrorValue | null)?.tag !== 'string') throw error;
  return value as CallErrorValue;
}
