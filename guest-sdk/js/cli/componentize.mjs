/** From one module to a component, by engine. */

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, tool } from './tools.mjs';
import { wit } from './wit.mjs';

/**
 * An engine: the module of its globals, and how it makes a component.
 *
 * @typedef {(source: string, name: string, project: string) => Promise<Uint8Array>} Componentize
 * @typedef {{ globals: string, componentize: Componentize }} Engine
 */

/** @type {Record<string, Engine>} */
export const engines = {
  qjs: { globals: 'quickjs.ts', componentize: quickjs },
  sm: { globals: 'starlingmonkey.ts', componentize: starlingmonkey },
};

const world = 'workflow-handlers';

/** @type {Componentize} */
async function quickjs(source, _name, project) {
  const { componentize } = await tool('componentize-qjs', 'index.js', project, 'run `npm install`');
  const folder = mkdtempSync(join(tmpdir(), 'reprise-guest-'));
  try {
    cpSync(join(root, 'worlds/quickjs'), folder, { recursive: true });
    cpSync(join(wit(), 'workflow.wit'), join(folder, 'deps/workflow.wit'));
    const { component } = await componentize({ witPath: folder, world, jsSource: source, sync: true });
    return component;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @type {Componentize} */
async function starlingmonkey(source, name, project) {
  const help = 'for the engine sm, run `npm install --save-dev @bytecodealliance/componentize-js@0.23.0`';
  const { componentize } = await tool('@bytecodealliance/componentize-js', 'src/componentize.js', project, help);
  const folder = mkdtempSync(join(tmpdir(), 'reprise-guest-'));
  try {
    const sourcePath = join(folder, `${name}.js`);
    writeFileSync(sourcePath, source);
    const { component } = await componentize({
      sourcePath,
      witPath: wit(),
      worldName: world,
      disableFeatures: ['fetch-event'],
    });
    return component;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
