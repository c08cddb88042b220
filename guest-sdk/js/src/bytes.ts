/** Bytes, as a `Uint8Array` of this realm. */

/** No bytes. */
export const empty = new Uint8Array(0);

/** The same bytes. StarlingMonkey gives components typed arrays of another realm, which are no `Uint8Array` here. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : viewOf(bytes);
}

/** The bytes behind any view, without a copy. */
export function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
