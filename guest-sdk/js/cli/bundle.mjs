/** One module of many, by esbuild. `async` functions become generators, so that they use the workflow's promises. */

import { join } from 'node:path';
import { nodePaths, root, tool } from './tools.mjs';

/** The modules of this package that a project names. */
const alias = {
  '@reprise/guest': join(root, 'src/index.ts'),
  '@reprise/guest/testing': join(root, 'src/testing/index.ts'),
};

/**
 * Bundles.
 *
 * @param {string} project the folder of the project
 * @param {import('esbuild').BuildOptions} options what differs: entry, platform, output
 * @returns {Promise<import('esbuild').BuildResult<{ write: false }>>}
 */
export async function bundle(project, options) {
  const { default: esbuild } = await tool('esbuild', 'lib/main.js', project, 'run `npm install`');
  const build = esbuild.build({
    bundle: true,
    format: 'esm',
    target: 'es2022',
    supported: { 'async-await': false, 'async-generator': false, 'for-await': false },
    absWorkingDir: project,
    alias,
    nodePaths,
    legalComments: 'none',
    write: false,
    ...options,
  });
  return build.catch((/** @type {import('esbuild').BuildFailure} */ { errors }) => {
    const what = errors.length === 1 ? 'the error' : `${errors.length} errors`;
    throw new Error(`the project can't be bundled: see ${what} above`);
  });
}
