/** What a test lets a participant answer. */

import { CallError } from '../error.js';
import { encode, toJson } from '../json.js';
import { toBytes } from '../text.js';
import type { CallErrorValue, Header, Response } from '../wit.js';

/**
 * What an operation comes to. The test host makes one attempt of each: how the runtime repeats attempts is not its
 * subject, what a workflow does with the end of them is.
 */
export class Answer {
  /** The response, or the error. */
  readonly result: { response: Response } | { error: CallErrorValue };
  /** Time until it is there. */
  readonly delayMs: number;

  private constructor(result: Answer['result'], delayMs = 0) {
    this.result = result;
    this.delayMs = delayMs;
  }

  /** Success without a body. */
  static ok(): Answer {
    return Answer.bytes(new Uint8Array(0));
  }

  /** Success with JSON. */
  static json(value: unknown): Answer {
    return Answer.bytes(toJson(value));
  }

  /** Success with bytes. */
  static bytes(body: Uint8Array): Answer {
    return new Answer({ response: { status: 200, refused: false, headers: [], body } });
  }

  /** Success of a single SQL statement that gives rows: `[{ balance: 70 }]`. */
  static rows(rows: readonly unknown[]): Answer {
    return Answer.json([{ affected: rows.length, rows }]);
  }

  /** Success of SQL statements that give no rows: how many each has changed. */
  static affected(...statements: readonly number[]): Answer {
    return Answer.json(statements.map((affected) => ({ affected, rows: [] })));
  }

  /** The participant refuses (HTTP 409, gRPC ABORTED, a failed check of a database), with text, JSON or bytes. */
  static failure(body: unknown): Answer {
    const bytes = typeof body === 'string' ? toBytes(body) : encode(body);
    return new Answer({ response: { status: 409, refused: true, headers: [], body: bytes } });
  }

  /** The allowed attempts are used up. */
  static exhausted(last = 'no answer'): Answer {
    return new Answer({ error: { tag: 'exhausted', val: last } });
  }

  /** The deadline of the branch has passed. */
  static deadline(last = 'no answer'): Answer {
    return new Answer({ error: { tag: 'deadline', val: last } });
  }

  /** It can't be performed as it stands. */
  static invalid(text: string): Answer {
    return new Answer({ error: { tag: 'invalid', val: text } });
  }

  /** The same with headers, names in lower case. */
  withHeaders(headers: Record<string, string>): Answer {
    if ('error' in this.result) return this;
    const list: Header[] = Object.entries(headers).map(([name, value]) => ({ name, value: toBytes(value) }));
    return new Answer({ response: { ...this.result.response, headers: list } }, this.delayMs);
  }

  /** The same, that long after the question. */
  after(ms: number): Answer {
    return new Answer(this.result, ms);
  }

  /** What a trace calls it: `success`, `failure`, `exhausted`, ... */
  get name(): string {
    if ('error' in this.result) return CallError.of(this.result.error).kind;
    return this.result.response.refused ? 'failure' : 'success';
  }
}
