/** The WIT: of the checkout, or the copy that is packed with the package. Run as a program, it makes that copy. */

import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { root } from './tools.mjs';

const ofCheckout = join(root, '../../wit');
const packed = join(root, 'wit');

/** The folder of `workflow.wit`. */
export function wit() {
  return existsSync(join(ofCheckout, 'workflow.wit')) ? ofCheckout : packed;
}

if (argv[1] === fileURLToPath(import.meta.url)) cpSync(ofCheckout, packed, { recursive: true });
