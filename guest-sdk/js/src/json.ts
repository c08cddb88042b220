/** Values and their JSON: inputs, outputs, bodies, payloads. Bytes stay as they are. */

import { toBytes, toText } from './text.js';

/** A value as JSON. Throws where it has no JSON form: a function, a BigInt, a circle, bytes. */
export function toJson(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) throw new TypeError('these are bytes; send them as they are');
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`it is ${value === undefined ? 'undefined' : `a ${typeof value}`}`);
  return toBytes(text);
}

/** A value as bytes: a `Uint8Array` as it is, anything else as JSON. Throws as {@link toJson}. */
export function encode(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : toJson(value);
}

/** The value that JSON stands for. No bytes at all read as `null`. Throws where it is no JSON. */
export function decode(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? null : JSON.parse(toText(bytes));
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
