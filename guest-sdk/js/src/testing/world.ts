/**
 * The host of a test: branches, tickets, virtual time. It allows what the runtime allows, makes one attempt of each
 * operation, and on replay compares what is asked with what was asked before.
 */

import type { Host } from '../host.js';
import type { CallErrorValue, Duration, Level, Moment, Operation, Phase, Response } from '../wit.js';
import type { Answer } from './answer.js';
import { Request, type Role } from './request.js';

/** The time at which every test begins: 2026-01-01T00:00:00Z. */
const BEGINNING_MS = Date.UTC(2026, 0, 1);

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** How the action of a branch ended, as far as a rollback needs to know. */
type Ending = 'success' | 'refused' | 'doubt' | undefined;

interface BranchState {
  id: string;
  options: Record<string, unknown>;
  hasAction: boolean;
  ending: Ending;
}

/** Something to do in phase two: an operation, or a handler and its payload. */
export interface Registration {
  phase: Phase;
  branch: number;
  what: { operation: Operation } | { handler: string; payload: Uint8Array };
  compensatesFailed: boolean;
}

/** A result, and when it is there. */
interface Coming {
  result: { response: Response } | { error: CallErrorValue };
  dueMs: number;
}

interface TicketState {
  branch: BranchState | undefined;
  /** What was coming when it was opened. */
  first: Coming;
  /** What is coming now: it may have been canceled. */
  coming: Coming;
  taken: boolean;
}

/** The part of phase two that a handler runs for. */
interface Handling {
  phase: Phase;
  branch: number;
}

/** The world of one run. */
export class World implements Host {
  readonly calls: Request[] = [];
  readonly trace: string[] = [];
  readonly logged: Array<[Level, string]> = [];
  registrations: Registration[] = [];
  finishing: Operation[] = [];
  clockMs = BEGINNING_MS;
  readonly #answer: (request: Request) => Answer;
  readonly #isLenient: boolean;
  #branches: BranchState[] = [];
  #tickets: TicketState[] = [];
  #asked: string[] = [];
  #recorded: { asked: string[]; tickets: TicketState[] } | undefined;
  #handling: Handling | undefined;
  #random: number;
  readonly #seed: number;

  constructor(answer: (request: Request) => Answer, seed: number, isLenient: boolean) {
    this.#answer = answer;
    this.#seed = seed;
    this.#random = seed;
    this.#isLenient = isLenient;
  }

  /** Time since the beginning. */
  get elapsedMs(): number {
    return this.clockMs - BEGINNING_MS;
  }

  /** From here on the workflow is run again: everything is answered as before. */
  replay(): void {
    this.#recorded = { asked: this.#asked, tickets: this.#tickets };
    this.#asked = [];
    this.#branches = [];
    this.#tickets = [];
    this.registrations = [];
    this.finishing = [];
    this.logged.length = 0;
    this.clockMs = BEGINNING_MS;
    this.#random = this.#seed;
  }

  /** The workflow has returned; on replay that has to be the end of what was asked. */
  returned(how: string): void {
    this.#ask(`return ${how}`);
    if (this.#recorded !== undefined && this.#asked.length < this.#recorded.asked.length) {
      this.#diverge(this.#recorded.asked[this.#asked.length], 'nothing more');
    }
  }

  /** Ends the replay: what follows is live. */
  endReplay(): void {
    this.#recorded = undefined;
    for (const ticket of this.#tickets) this.#conclude(ticket);
  }

  /** Whether a rollback has something to undo here: not where the participant did nothing. */
  isToBeUndone({ branch, compensatesFailed }: Registration): boolean {
    return this.#branch(branch).ending !== 'refused' || compensatesFailed;
  }

  /** Performs an operation of phase two, or a notification. */
  perform(branch: number | undefined, role: Role, operation: Operation): Answer {
    const state = branch === undefined ? undefined : this.#branch(branch);
    return this.#attempt(new Request(state?.id ?? '', role, operation, state?.options ?? {}));
  }

  /** Runs a handler. */
  handle<T>(handling: Handling, body: () => T): T {
    this.#handling = handling;
    try {
      return body();
    } finally {
      this.#handling = undefined;
    }
  }

  newBranch(): number {
    const within = this.#handling && this.#branch(this.#handling.branch);
    const count = within
      ? this.#branches.filter(({ id }) => id.startsWith(`${within.id}-`)).length
      : this.#branches.length;
    const number = String(count + 1).padStart(2, '0');
    const id = within ? `${within.id}-${number}` : number;
    return this.#branches.push({ id, options: {}, hasAction: false, ending: undefined });
  }

  setOptions(branch: number, options: string): void {
    Object.assign(this.#branch(branch).options, JSON.parse(options));
  }

  onCommit(branch: number, operation: Operation): void {
    this.#register('commit', branch, { operation });
  }

  onRollback(branch: number, operation: Operation): void {
    this.#register('rollback', branch, { operation });
  }

  onCommitHandler(branch: number, handler: string, payload: Uint8Array): void {
    this.#register('commit', branch, { handler, payload });
  }

  onRollbackHandler(branch: number, handler: string, payload: Uint8Array): void {
    this.#register('rollback', branch, { handler, payload });
  }

  onFinish(operation: Operation): void {
    this.finishing.push(operation);
  }

  submit(branch: number, operation: Operation): number {
    const state = this.#branch(branch);
    const mistake = this.#mistakeIn(branch, state, operation);
    state.hasAction = true;
    if (mistake !== undefined) {
      return this.#open(undefined, { result: { error: { tag: 'invalid', val: mistake } }, dueMs: this.clockMs });
    }
    const request = new Request(state.id, this.#roleOf(branch), operation, state.options);
    this.#ask(
      `${request} ${JSON.stringify(operation, (_, value) => (value instanceof Uint8Array ? [...value] : value))}`,
    );
    const known = this.#recorded?.tickets[this.#tickets.length];
    if (known !== undefined) return this.#open(state, known.first);
    const { result, delayMs } = this.#attempt(request);
    return this.#open(state, { result, dueMs: this.clockMs + delayMs });
  }

  waitAny(tickets: number[]): number {
    const dues = tickets.map((ticket) => this.#ticket(ticket).coming.dueMs);
    const earliest = Math.min(...dues);
    this.clockMs = Math.max(this.clockMs, earliest);
    return dues.indexOf(earliest);
  }

  takeResponse(ticket: number): Response {
    const state = this.#ticket(ticket);
    state.taken = true;
    const { result, dueMs } = state.coming;
    this.clockMs = Math.max(this.clockMs, dueMs);
    this.#conclude(state);
    if ('error' in result) throw result.error;
    return result.response;
  }

  cancel(ticket: number): void {
    const state = this.#ticket(ticket);
    if (state.taken) return;
    if (state.branch !== undefined) this.#ask(`cancel ticket ${ticket}`);
    state.coming = { result: { error: { tag: 'canceled' } }, dueMs: this.clockMs };
  }

  scope(): void {}

  now(): Moment {
    return { seconds: Math.floor(this.clockMs / 1000), nanos: (this.clockMs % 1000) * 1_000_000 };
  }

  timer({ seconds, nanos }: Duration): number {
    const response = { status: 0, refused: false, headers: [], body: new Uint8Array(0) };
    const dueMs = this.clockMs + seconds * 1000 + Math.ceil(nanos / 1_000_000);
    return this.#open(undefined, { result: { response }, dueMs });
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#nextRandom() & 0xff);
  }

  log(level: Level, message: string): void {
    this.logged.push([level, message]);
  }

  #branch(branch: number): BranchState {
    const state = this.#branches[branch - 1];
    if (state === undefined) throw `branch ${branch} does not exist`;
    return state;
  }

  #ticket(ticket: number): TicketState {
    const state = this.#tickets[ticket];
    if (state === undefined || state.taken) throw new Error(`ticket ${ticket} does not exist or was taken already`);
    return state;
  }

  #open(branch: BranchState | undefined, coming: Coming): number {
    return this.#tickets.push({ branch, first: coming, coming, taken: false }) - 1;
  }

  #register(phase: Phase, branch: number, what: Registration['what']): void {
    if (this.#handling !== undefined) throw `a handler can't register anything`;
    const { id, options } = this.#branch(branch);
    if (this.registrations.some((has) => has.branch === branch && has.phase === phase)) {
      throw `branch ${id} has its ${phase} operation already`;
    }
    this.registrations.push({ phase, branch, what, compensatesFailed: options['compensate_failed'] === true });
  }

  #roleOf(branch: number): Role {
    return this.#handling?.branch === branch ? this.#handling.phase : 'action';
  }

  /** Why an action is not sent. */
  #mistakeIn(branch: number, { id, options, hasAction }: BranchState, operation: Operation): string | undefined {
    if (hasAction) return `branch ${id} has its operation already; open another one`;
    const isUndone = this.registrations.some((has) => has.branch === branch && has.phase === 'rollback');
    const isSafe = operation.tag === 'xa' || (operation.tag === 'http' && SAFE_METHODS.has(operation.val.method));
    if (isSafe || isUndone || options['effect'] !== undefined || this.#handling !== undefined || this.#isLenient)
      return undefined;
    return (
      `branch ${id} does not say how its action is undone: ` +
      'register a rollback before it, or say readOnly() or pivot()'
    );
  }

  #attempt(request: Request): Answer {
    const answer = this.#answer(request);
    this.calls.push(request);
    this.trace.push(`${request}: ${answer.name}`);
    return answer;
  }

  /** Keeps what the end of an action means for the rollback of its branch. */
  #conclude({ branch, coming: { result } }: TicketState): void {
    if (branch === undefined) return;
    if ('error' in result) branch.ending = result.error.tag === 'invalid' ? 'refused' : 'doubt';
    else branch.ending = result.response.refused ? 'refused' : 'success';
  }

  #ask(what: string): void {
    const before = this.#recorded?.asked[this.#asked.length];
    if (this.#recorded !== undefined && before !== what) this.#diverge(before, what);
    this.#asked.push(what);
  }

  #diverge(before: string | undefined, now: string): never {
    throw new Error(
      `the workflow takes another path when it is replayed\n  first  ${before ?? 'nothing more'}\n  then   ${now}`,
    );
  }

  /** SplitMix32. */
  #nextRandom(): number {
    this.#random = (this.#random + 0x9e3779b9) | 0;
    let mixed = this.#random ^ (this.#random >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
