/** SQL statements that the runtime performs, exactly once or as an XA branch. */

import { Mistake } from '../host.js';
import type { Operation, SqlValue, StatementOp } from '../wit.js';
import type { Op } from './op.js';

/** A parameter of a statement. A number without fraction is an integer; beyond 2^53 write a BigInt. */
export type SqlParameter = null | boolean | number | bigint | string | Uint8Array | Real;

/** A number that is real even if it has no fraction. */
export interface Real {
  readonly real: number;
}

/** `1` as `1.0`. */
export function real(value: number): Real {
  return { real: value };
}

/** What may be asked of a statement. */
export interface StatementOptions {
  /** Another number of affected rows is a business failure. */
  affected?: number;
}

/** Statements for a database of the runtime's configuration. */
export function sql(database: string): Sql {
  return new Sql(database, []);
}

/**
 * Statements that run in one local transaction of a configured database, exactly once: a barrier row is in the same
 * transaction. Or, by {@link xa}, prepared now and committed or rolled back with the whole transaction.
 * `reply.rows` and `reply.affected` read what they came to. It never changes: each of its methods gives another one.
 *
 * ```ts
 * sql('bank')
 *   .statement('UPDATE account SET balance = balance - ? WHERE id = ?', [30, 'alice'], { affected: 1 })
 *   .statement('SELECT balance FROM account WHERE id = ?', ['alice'])
 *   .xa()
 * ```
 */
export class Sql implements Op {
  readonly #database: string;
  readonly #statements: ReadonlyArray<() => StatementOp>;

  constructor(database: string, statements: ReadonlyArray<() => StatementOp>) {
    this.#database = database;
    this.#statements = statements;
  }

  /** Adds the next statement, with the database's own placeholders and a parameter for each. */
  statement(text: string, parameters: readonly SqlParameter[] = [], options: StatementOptions = {}): Sql {
    const given = [...parameters];
    const statement = (): StatementOp => ({
      sql: text.toWellFormed(),
      parameters: given.map((value, at) => toSqlValue(value, `parameter ${at + 1} of \`${text}\``)),
      affected: options.affected,
    });
    return new Sql(this.#database, [...this.#statements, statement]);
  }

  /** Prepared now, committed or rolled back by the runtime in phase two. */
  xa(): Op {
    return { toWit: () => ({ tag: 'xa', val: this.#op() }) };
  }

  toWit(): Operation {
    return { tag: 'sql', val: this.#op() };
  }

  #op(): { database: string; statements: StatementOp[] } {
    return { database: this.#database, statements: this.#statements.map((statement) => statement()) };
  }
}

function toSqlValue(value: SqlParameter, where: string): SqlValue {
  switch (typeof value) {
    case 'boolean':
      return { tag: 'boolean', val: value };
    case 'string':
      return { tag: 'text', val: value.toWellFormed() };
    case 'bigint':
      return { tag: 'integer', val: String(value) };
    case 'number':
      return number(value, where);
    case 'object':
      if (value === null) return { tag: 'null' };
      if (value instanceof Uint8Array) return { tag: 'bytes', val: value };
      if (typeof value.real === 'number') return { tag: 'real', val: value.real };
  }
  throw new Mistake(`${where} is ${value === undefined ? 'undefined; write null' : 'no value of SQL'}`);
}

function number(value: number, where: string): SqlValue {
  if (!Number.isInteger(value)) return { tag: 'real', val: value };
  if (Number.isSafeInteger(value)) return { tag: 'integer', val: String(value) };
  throw new Mistake(`${where} is beyond 2^53, where numbers lose digits; write it as a BigInt, or as real(..)`);
}
