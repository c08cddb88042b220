/** The types of `wit/workflow.wit` as both engines have them. */

/** An HTTP request. */
export interface HttpOp {
  method: string;
  target: string;
  body: Uint8Array;
}

/** A unary gRPC call. */
export interface GrpcOp {
  target: string;
  method: string;
  message: Uint8Array;
}

/** A value that goes into a SQL statement; an integer is decimal text of up to 64 bits. */
export type SqlValue =
  | { tag: 'null' }
  | { tag: 'boolean'; val: boolean }
  | { tag: 'integer'; val: string }
  | { tag: 'real'; val: number }
  | { tag: 'text'; val: string }
  | { tag: 'bytes'; val: Uint8Array };

/** One SQL statement with its parameters in order. */
export interface StatementOp {
  sql: string;
  parameters: SqlValue[];
  affected: number | undefined;
}

/** Statements that run in one local transaction of a configured database. */
export interface SqlOp {
  database: string;
  statements: StatementOp[];
}

/** One thing done outside the guest. */
export type Operation =
  { tag: 'http'; val: HttpOp } | { tag: 'grpc'; val: GrpcOp } | { tag: 'sql'; val: SqlOp } | { tag: 'xa'; val: SqlOp };

/** A header of an answer, or an item of gRPC metadata. */
export interface Header {
  name: string;
  value: Uint8Array;
}

/** A whole answer. */
export interface Response {
  status: number;
  refused: boolean;
  headers: Header[];
  body: Uint8Array;
}

/** Why an operation did not succeed. */
export type CallErrorValue =
  | { tag: 'failure'; val: Uint8Array }
  | { tag: 'exhausted'; val: string }
  | { tag: 'deadline'; val: string }
  | { tag: 'canceled' }
  | { tag: 'invalid'; val: string };

/** Why a workflow gives up. */
export interface FailureValue {
  message: string;
  details: Uint8Array;
}

/** Which half of phase two a handler runs for. */
export type Phase = 'commit' | 'rollback';

/** A length of time. */
export interface Duration {
  seconds: number;
  nanos: number;
}

/** Time since 1970-01-01T00:00:00Z. */
export type Moment = Duration;

/** How much a message matters. */
export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';
