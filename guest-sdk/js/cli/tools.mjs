/** Where the tools are: beside the project, beside this package, or in a folder of toolchains. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of this package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The folder of the toolchain that `toolchain` installed, if there is one. */
const toolchains = process.env['REPRISE_TOOLCHAINS'];

/** Folders `node_modules` of the toolchain: for what a project and this package have not beside them. */
export const nodePaths = toolchains
  ? [join(resolve(toolchains), 'js', 'node_modules'), join(resolve(toolchains), 'js', 'starlingmonkey', 'node_modules')]
  : [];

/**
 * Imports a module of a tool.
 *
 * @param {string} name the tool's package
 * @param {string} module the module in it
 * @param {string} project the folder of the project
 * @param {string} help what to do if it is nowhere
 * @returns {Promise<any>}
 */
export async function tool(name, module, project, help) {
  const beside = [project, root].flatMap(
    (folder) => createRequire(join(folder, 'package.json')).resolve.paths(name) ?? [],
  );
  const folder = [...beside, ...nodePaths].map((place) => join(place, name)).find((place) => existsSync(place));
  if (folder === undefined) throw new Error(`the package \`${name}\` is not installed: ${help}`);
  return import(pathToFileURL(join(folder, module)).href);
}
