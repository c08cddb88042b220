#!/usr/bin/env node
/** The command line: raw flags, checked; then the rooms do the work. */

import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { engines } from './componentize.mjs';
import { test } from './test.mjs';

const usage = `Makes components of Reprise workflows

Usage: reprise-guest build [PROJECT] [--out FILE] [--engine qjs|sm]
       reprise-guest test [PROJECT]

PROJECT is a folder whose package.json names the module of the workflow as \`main\` [default: .]; build takes that
module itself too. test runs what ends in .test.ts or .test.js in its folder \`test\`.

  -o, --out FILE     the component [default: dist/NAME.wasm in the project]; beside it goes NAME.js, the module that it
                     was made of, which line numbers of a trap refer to
  -e, --engine NAME  qjs: QuickJS, small and quick; sm: StarlingMonkey, with fetch [default: qjs]
  -h, --help`;

/** Wrong usage; the exit code is 2. */
class UsageError extends Error {}

async function main() {
  const { values, positionals } = parse();
  const [command, project = '.', ...more] = positionals;
  if (values.help) {
    console.log(usage);
    return;
  }
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(' ')}`);
  const engine = engines[values.engine];
  if (engine === undefined) {
    throw new UsageError(`unknown engine \`${values.engine}\`; there are ${Object.keys(engines).join(', ')}`);
  }
  switch (command) {
    case 'build': {
      const { out, bytes } = await build(project, engine, values.out);
      console.log(out);
      console.error(`${bytes} bytes`);
      return;
    }
    case 'test':
      process.exitCode = await test(project);
      return;
    default:
      throw new UsageError(command === undefined ? usage : `unknown command \`${command}\`\n\n${usage}`);
  }
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        engine: { type: 'string', short: 'e', default: 'qjs' },
        out: { type: 'string', short: 'o' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

try {
  await main();
} catch (error) {
  const { message } = /** @type {Error} */ (error);
  console.error(error instanceof UsageError ? message : `error: ${message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
