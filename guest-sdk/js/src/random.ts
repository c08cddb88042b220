/** Repeatable randomness, seeded from the gid. */

import { ownBytes } from './bytes.js';
import { host } from './host.js';

const CALL_MAX = 65_536;

/** Random bytes. */
export function randomBytes(length: number): Uint8Array {
  if (length <= CALL_MAX) return ownBytes(host().randomBytes(length));
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += CALL_MAX) {
    bytes.set(host().randomBytes(Math.min(length - at, CALL_MAX)), at);
  }
  return bytes;
}

/** A number from 0 to below 1, of 53 random bits. */
export function randomNumber(): number {
  const bytes = randomBytes(8);
  const { buffer, byteOffset } = bytes;
  const view = new DataView(buffer, byteOffset, 8);
  return (view.getUint32(0) * 2 ** 21 + (view.getUint32(4) >>> 11)) / 2 ** 53;
}

/** A random id, RFC 9562 version 4. */
export function uuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
