/** What a workflow asked for. */

import { toText } from '../text.js';
import type { Operation } from '../wit.js';

/** Which part of a branch an operation is. */
export type Role = 'action' | 'commit' | 'rollback' | 'finish';

/** An operation that was performed. */
export class Request {
  /** `POST participant/path`, `GRPC participant/package.Service/Method`, `SQL database`, `XA database`. */
  readonly key: string;
  /** `01`, `02`, ..., or `02-01` of a branch that a handler opened; empty of a notification. */
  readonly branch: string;
  /** Which part of the branch it is. */
  readonly role: Role;
  /** The options of the branch, by the names of the interface: `timeout_ms`. */
  readonly options: Record<string, unknown>;
  /** The operation, as the interface has it. */
  readonly operation: Operation;

  constructor(branch: string, role: Role, operation: Operation, options: Record<string, unknown>) {
    this.key = keyOf(operation);
    this.branch = branch;
    this.role = role;
    this.operation = operation;
    this.options = options;
  }

  /** The body of an HTTP request, the message of a gRPC call; none of statements. */
  get body(): Uint8Array {
    if (this.operation.tag === 'http') return this.operation.val.body;
    return this.operation.tag === 'grpc' ? this.operation.val.message : new Uint8Array(0);
  }

  /** The body as JSON. */
  json(): unknown {
    return JSON.parse(toText(this.body));
  }

  /** `01 action POST bank/pay`. */
  toString(): string {
    return [this.branch, this.role, this.key].filter((part) => part !== '').join(' ');
  }
}

function keyOf({ tag, val }: Operation): string {
  switch (tag) {
    case 'http':
      return `${val.method} ${val.target}`;
    case 'grpc':
      return `GRPC ${val.target}/${val.method}`;
    case 'sql':
      return `SQL ${val.database}`;
    case 'xa':
      return `XA ${val.database}`;
  }
}
