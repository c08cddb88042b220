/** `test`: bundles the tests of a project as workflows are bundled, and runs them with Node's own test runner. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { bundle } from './bundle.mjs';
import { root } from './tools.mjs';

/**
 * Runs the tests.
 *
 * @param {string} project the folder of the project
 * @returns {Promise<number>} the exit code
 */
export async function test(project) {
  const folder = resolve(project);
  const modules = modulesOf(join(folder, 'test'));
  const { outputFiles } = await bundle(folder, {
    entryPoints: modules,
    inject: [join(root, 'src/engines/node.ts')],
    platform: 'node',
    sourcemap: 'inline',
    outdir: 'out',
    outExtension: { '.js': '.mjs' },
  });
  const built = mkdtempSync(join(tmpdir(), 'reprise-guest-test-'));
  try {
    const files = outputFiles.map(({ path, contents }) => {
      const file = join(built, basename(path));
      writeFileSync(file, contents);
      return file;
    });
    const node = spawn(process.execPath, ['--enable-source-maps', '--test', ...files], {
      stdio: 'inherit',
      cwd: folder,
    });
    const [code] = await once(node, 'exit');
    return code ?? 1;
  } finally {
    rmSync(built, { recursive: true });
  }
}

/** @param {string} folder */
function modulesOf(folder) {
  const found = existsSync(folder) ? readdirSync(folder).filter((name) => /\.test\.[jt]s$/.test(name)) : [];
  if (found.length === 0) throw new Error(`there are no tests in \`${folder}\`: what ends in .test.ts or .test.js`);
  return found.map((name) => join(folder, name));
}
