import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Bundles a TypeScript file as an application's build would: one file, packages with binaries left outside. `folder` gets a link to this
 * repository's packages.
 *
 * @returns the path of the bundle.
 */
export function bundled(entry: URL, folder: string, format: 'cjs' | 'esm'): string {
  const packages = resolve('node_modules');
  const outfile = join(folder, format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs');
  execFileSync(join(packages, '.bin', 'esbuild'), [
    fileURLToPath(entry),
    '--bundle',
    `--format=${format}`,
    '--platform=node',
    '--external:lmdb',
    '--log-level=error',
    `--outfile=${outfile}`,
  ]);
  symlinkSync(packages, join(folder, 'node_modules'));
  return outfile;
}
