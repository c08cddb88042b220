/** QuickJS: what it lacks of a web engine, as far as a workflow needs it. */

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
