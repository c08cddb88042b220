/** QuickJS: what it lacks of a web engine, as far as a workflow needs it. */

import { exit } from 'wasi:cli/exit@0.2.12';
import { getStderr } from 'wasi:cli/stderr@0.2.12';
import { tellBy } from './crash.js';
import { console, crypto, define, promises, surroundings } from './globals.js';
import { Decoder, Encoder } from './text.js';

define([
  [globalThis, 'TextEncoder', Encoder],
  [globalThis, 'TextDecoder', Decoder],
  ...promises,
  ...surroundings,
  crypto,
  console,
]);

/** What one write takes, as WASI says. */
const WRITE_BYTES_MAX = 4096;

// QuickJS itself would tell an error as a value of Rust, on one line.
tellBy((text) => {
  const stderr = getStderr();
  const bytes = new Encoder().encode(text);
  for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
    stderr.blockingWriteAndFlush(bytes.subarray(at, at + WRITE_BYTES_MAX));
  }
  exit({ tag: 'err' });
});
