/** Options of a branch, as the runtime's `set-options` takes them. */

import { Mistake } from './host.js';

/** What an operation ended in. */
export type Outcome = 'success' | 'failure' | 'ongoing' | 'unknown';

/** One look at an answer: at a header (gRPC: metadata) or, by a JSON pointer (RFC 6901), into its body. */
export type Match = ({ header: string; equals?: string } | { body: string; equals?: unknown }) & { outcome: Outcome };

/**
 * What answers of a service with other conventions than 409, 425, ABORTED and FAILED_PRECONDITION mean.
 *
 * Looks at headers and bodies come before all else, and the first that fits decides; then statuses, of which the
 * narrowest range wins; then the conventions.
 */
export interface OutcomeMap {
  /** By HTTP status, `"404"`, or a range of them, `"500-599"`. */
  http?: Record<string, Outcome>;
  /** By the name of the gRPC status, `"NOT_FOUND"`. */
  grpc?: Record<string, Outcome>;
  /** Looks, in order. */
  matches?: Match[];
  /** `false`: don't read an outcome out of a body `{"dtm_result": "FAILURE"}`. */
  dtmResult?: boolean;
}

/** How attempts that ended unknown are repeated. */
export interface Retry {
  /** Pause after the first attempt. */
  initialMs?: number;
  /** Its growth from one attempt to the next. */
  factor?: number;
  /** The longest pause. */
  maxMs?: number;
  /** Most attempts; then the call ends as `exhausted`. */
  attempts?: number;
  /** Share of a pause that chance takes off, 0 to 1. */
  jitter?: number;
}

/**
 * Options of a branch: how long, how often, with which headers, what answers mean, and what the call does where nothing
 * undoes it. What is not set is the runtime's default.
 */
export interface Options {
  /** Longest time of one attempt. */
  timeoutMs?: number;
  /** Longest time of all attempts together; then the call ends as `deadline`. */
  deadlineMs?: number;
  /** How attempts are repeated. */
  retry?: Retry;
  /** Pause after an answer "ongoing". */
  ongoingMs?: number;
  /** Headers (gRPC: metadata) to send. They are recorded: credentials belong into the runtime's configuration. */
  headers?: Record<string, string>;
  /** What answers mean. */
  outcomeMap?: OutcomeMap;
  /** Sent as `idempotency-key`. */
  idempotencyKey?: string;
  /** Roll the branch back also when its action was refused. */
  compensateFailed?: boolean;
  /**
   * `read-only`: the call changes nothing, so there is nothing to undo. `pivot`: there is no way back from it; when it
   * has succeeded the transaction can't fail any more, and what follows is repeated until it succeeds.
   */
  effect?: 'read-only' | 'pivot';
  /** `full`: the reply has the answer's headers (gRPC: metadata) too. They are recorded: ask where they are needed. */
  answer?: 'full';
}

const lengths = new Set(['timeoutMs', 'deadlineMs', 'ongoingMs', 'initialMs', 'maxMs']);
const groups = new Set(['retry', 'outcomeMap']);
const known = {
  options: [
    'timeoutMs',
    'deadlineMs',
    'retry',
    'ongoingMs',
    'headers',
    'outcomeMap',
    'idempotencyKey',
    'compensateFailed',
    'effect',
    'answer',
  ],
  retry: ['initialMs', 'factor', 'maxMs', 'attempts', 'jitter'],
  outcomeMap: ['http', 'grpc', 'matches', 'dtmResult'],
};

/**
 * What `set-options` takes; none if nothing is set.
 *
 * Throws where a name is unknown or a length is none; the runtime checks the rest.
 */
export function toJson(options: Options): string | undefined {
  const wire = toWire('options', options);
  return Object.keys(wire).length === 0 ? undefined : JSON.stringify(wire);
}

/** The same with the names of the interface: `timeoutMs` is `timeout_ms`. */
function toWire(group: keyof typeof known, values: object): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (!known[group].includes(name)) {
      throw new Mistake(`unknown option \`${name}\`; there are ${known[group].join(', ')}`);
    }
    if (value === undefined) continue;
    wire[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = wireValue(name, value);
  }
  return wire;
}

function wireValue(name: string, value: unknown): unknown {
  if (lengths.has(name)) return milliseconds(name, value);
  if (groups.has(name)) return toWire(name as keyof typeof known, value as object);
  return value;
}

/** A length that the interface can hold. */
function milliseconds(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new Mistake(`option \`${name}\`: ${String(value)} is no number of milliseconds`);
  }
  return Math.min(Math.floor(value), 0xffff_ffff);
}
