/**
 * `TextEncoder` and `TextDecoder` where an engine has none: UTF-8, whole texts.
 *
 * A loop over characters is slow in an interpreter, so bytes go through Base64, which QuickJS reads and writes itself:
 * 4 us for 70 characters instead of 14.
 */

import { utf8toString, utf8toStringLoose } from '@exodus/bytes/utf8.js';
import { viewOf } from '../bytes.js';

// The engine has them; the language's types don't yet.
declare const escape: (text: string) => string;
declare const unescape: (text: string) => string;
declare const atob: (base64: string) => string;
declare const btoa: (binary: string) => string;
type Base64Array = Uint8Array & { toBase64(): string };
const fromBase64 = (Uint8Array as unknown as { fromBase64(text: string): Uint8Array }).fromBase64.bind(Uint8Array);

/** Text as UTF-8. */
export class Encoder {
  readonly encoding = 'utf-8';

  encode(text: unknown = ''): Uint8Array {
    return fromBase64(btoa(unescape(encodeURIComponent(String(text).toWellFormed()))));
  }
}

/** UTF-8 as text. */
export class Decoder {
  readonly encoding = 'utf-8';
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    if (!/^\s*(unicode-1-1-)?utf-?8\s*$/i.test(label)) {
      throw new RangeError(`the encoding \`${label}\` is not available: only utf-8`);
    }
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  decode(input: ArrayBuffer | ArrayBufferView = new ArrayBuffer(0), { stream = false } = {}): string {
    if (stream) throw new TypeError('texts are decoded whole here, not as a stream');
    const text = this.#decode(ArrayBuffer.isView(input) ? viewOf(input) : new Uint8Array(input));
    return !this.ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  #decode(bytes: Uint8Array): string {
    try {
      const binary = atob((bytes as Base64Array).toBase64());
      return /[^\0-\x7f]/.test(binary) ? decodeURIComponent(escape(binary)) : binary;
    } catch {
      // No UTF-8: an error or U+FFFD, as the standard says where.
      return this.fatal ? utf8toString(bytes) : utf8toStringLoose(bytes);
    }
  }
}
