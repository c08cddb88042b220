/** What a participant answered. */

import { ownBytes } from './bytes.js';
import { RollbackError } from './failure.js';
import { messageOf } from './json.js';
import { check, type Schema } from './schema.js';
import { excerpt, toText } from './text.js';
import type { Response } from './wit.js';

const none: readonly never[] = [];

/** A reply that is not what the workflow expects. Not caught, it rolls the transaction back. */
export class ReplyError extends RollbackError {
  constructor(message: string) {
    super(message);
    this.name = 'ReplyError';
  }
}

/** The body of an HTTP response, the message of a gRPC response, or the rows of SQL statements as JSON. */
export class Reply {
  /** HTTP status or gRPC code; 0 from a database. */
  readonly status: number;
  /** The bytes as they came. */
  readonly bytes: Uint8Array;
  /**
   * Headers (gRPC: metadata) in order, names in lower case; none unless the branch has the option `answer: 'full'`.
   */
  readonly headers: ReadonlyArray<{ readonly name: string; readonly value: Uint8Array }>;

  private constructor({ status, headers, body }: Response) {
    this.status = status;
    this.bytes = ownBytes(body);
    this.headers = headers.length === 0 ? none : headers.map(({ name, value }) => ({ name, value: ownBytes(value) }));
  }

  /** The reply that the interface gives. */
  static of(response: Response): Reply {
    return new Reply(response);
  }

  /** The reply as text. What is no UTF-8 becomes U+FFFD. */
  text(): string {
    return toText(this.bytes);
  }

  /**
   * Reads the reply as JSON. `schema` says what it has to look like; without one, nothing is checked.
   *
   * Throws {@link ReplyError}: it is no JSON or not of this shape.
   */
  json<T>(schema?: Schema<T>): T {
    return this.#read(() => check(JSON.parse(this.text()), schema));
  }

  /** The first header of this name as text; none also if the branch did not ask for headers. */
  header(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const header = this.headers.find((has) => has.name === wanted);
    return header && toText(header.value);
  }

  /**
   * The rows of a SQL statement, counted from 0: objects by the names of the columns. Numbers and times that JSON has
   * no form for are text; integers beyond 2^53 lose digits in JavaScript, so select those as text.
   *
   * Throws {@link ReplyError}: there were fewer statements, or a row is not of the schema's shape.
   */
  rows<T>(statement: number, row?: Schema<T>): T[] {
    const { rows } = this.#statement(statement);
    return this.#read(() => rows.map((one) => check(one, row)));
  }

  /**
   * How many rows a SQL statement, counted from 0, has changed.
   *
   * Throws {@link ReplyError}: there were fewer statements, or it is no reply of a database.
   */
  affected(statement: number): number {
    return this.#statement(statement).affected;
  }

  /** The beginning of it, for messages. */
  excerpt(): string {
    return excerpt(this.bytes);
  }

  #statement(index: number): { affected: number; rows: unknown[] } {
    const all = this.#read(() => {
      const value: unknown = JSON.parse(this.text());
      if (!Array.isArray(value)) throw new TypeError('it is no reply of a database');
      return value as Array<{ affected: number; rows: unknown[] }>;
    });
    const found = all[index];
    if (found === undefined) {
      throw new ReplyError(`the reply has no statement ${index}: there were ${all.length}, counted from 0`);
    }
    return found;
  }

  #read<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw new ReplyError(`the reply \`${this.excerpt()}\` is not the expected JSON: ${messageOf(error)}`);
    }
  }
}
