/** `build`: from a project to a component. */

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { bundle } from './bundle.mjs';
import { root } from './tools.mjs';

/**
 * Builds the component of a project.
 *
 * @param {string} place the folder of the project, or the module of the workflow
 * @param {import('./componentize.mjs').Engine} engine
 * @param {string | undefined} out where the component goes
 * @returns {Promise<{ out: string, bytes: number }>} where it is, and how large
 */
export async function build(place, engine, out) {
  const { folder, module, name } = projectAt(resolve(place));
  const source = await bundled(folder, module, engine.globals);
  const component = await engine.componentize(source, name, folder);
  const target = resolve(out ?? join(folder, 'dist', `${name}.wasm`));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, component);
  // What the line numbers of a trap refer to.
  writeFileSync(`${target.replace(/\.wasm$/, '')}.js`, source);
  return { out: target, bytes: component.length };
}

/**
 * What a project says of itself.
 *
 * @param {string} place
 */
function projectAt(place) {
  if (!existsSync(place)) throw new Error(`there is no \`${place}\``);
  if (statSync(place).isFile()) {
    return { folder: dirname(place), module: place, name: basename(place).replace(/\.[^.]*$/, '') };
  }
  const file = join(place, 'package.json');
  if (!existsSync(file)) throw new Error(`there is no \`${file}\`: name the folder of a project, or the module itself`);
  const { main, name } = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof main !== 'string')
    throw new Error(`\`${file}\` does not say where the workflow is: add "main": "src/..."`);
  return { folder: place, module: join(place, main), name: basename(name ?? place) };
}

/**
 * The workflow with everything it needs, as one module: the engine's globals first, then the workflow.
 *
 * @param {string} folder
 * @param {string} module
 * @param {string} globals the module of the engine's globals
 */
async function bundled(folder, module, globals) {
  const from = (/** @type {string} */ path) => JSON.stringify(join(root, 'src/engines', path));
  const contents = [
    `import ${from(globals)};`,
    `import { exportsOf } from ${from('component.ts')};`,
    `import * as module from ${JSON.stringify(module)};`,
    // A copy: esbuild would warn of a module without default export, which is said better when it is run.
    'const { run, handle } = exportsOf({ ...module }.default);',
    'export { run, handle };',
  ].join('\n');
  const { outputFiles } = await bundle(folder, {
    stdin: { contents, resolveDir: folder, sourcefile: 'component.js' },
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['reprise:*', 'wasi:*'],
  });
  return /** @type {import('esbuild').OutputFile} */ (outputFiles[0]).text;
}
