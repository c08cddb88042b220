/** Text and UTF-8. */

interface Encoder {
  encode(text: string): Uint8Array;
}

interface Decoder {
  decode(bytes: Uint8Array): string;
}

// Both engines have them, one by a shim; the language's own types don't.
declare const TextEncoder: new () => Encoder;
declare const TextDecoder: new (label: string, options: { ignoreBOM: boolean }) => Decoder;

let encoder: Encoder | undefined;
let decoder: Decoder | undefined;

/** Text as UTF-8. Half of a surrogate pair becomes U+FFFD. */
export function toBytes(text: string): Uint8Array {
  encoder ??= new TextEncoder();
  return encoder.encode(text);
}

/** UTF-8 as text. What is no UTF-8 becomes U+FFFD. */
export function toText(bytes: Uint8Array): string {
  decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
  return decoder.decode(bytes);
}

/** Bytes for people: text, cut where it gets long. */
export function excerpt(bytes: Uint8Array): string {
  const most = 200;
  // A character has at most four bytes.
  const characters = [...toText(bytes.subarray(0, 4 * (most + 1)))];
  return characters.length > most ? `${characters.slice(0, most).join('')}...` : characters.join('');
}
