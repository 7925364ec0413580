// Fresh projects with the packed package in them.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Remedy, outputOf, root, runQuietly } from '../commands.mjs';

export async function must(what, command, args, options) {
  const { code, output } = await runQuietly(command, args, options);
  if (code !== 0) throw new Remedy(`${what} failed:\n${output.trimEnd()}`);
  return output;
}

const writeJson = (path, value) => writeFileSync(path, JSON.stringify(value, undefined, 2));

/** A folder with these packages in it. npm refuses peers that don't fit: nothing is forced. */
export async function installed(folder, { packages, overrides = {} }) {
  mkdirSync(folder);
  writeJson(join(folder, 'package.json'), { private: true, dependencies: packages, overrides });
  await must(`npm install in ${folder}`, 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
  });
  return folder;
}

/** The Node that runs this, and the newest that the registry has: the package `node` links to one per platform. */
export async function nodes(scratch) {
  const version = outputOf('npm', ['view', 'node', 'version']);
  if (version === undefined) throw new Remedy('The registry does not tell the newest version of Node.');
  const name = `node-${process.platform}-${process.arch}`;
  const folder = await installed(join(scratch, 'newest-node'), { packages: { [name]: version } });
  return [process.execPath, join(folder, 'node_modules', name, 'bin/node')];
}

const compilerOptions = {
  module: 'nodenext',
  target: 'es2022',
  strict: true,
  skipLibCheck: true,
  types: ['node'],
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

/** What the smoke application needs besides the versions that are tried. */
const tools = { typescript: '5.9', '@types/node': '20', '@types/cls-hooked': '4', '@types/ws': '8', ws: '8' };

/** One installation, and in it an application of ES modules and one of CommonJS. */
export async function project(scratch, tarball, { nest, peers, packages, overrides }) {
  const folder = join(scratch, `nest-${nest}-${peers.replaceAll(' ', '-')}`);
  const itself = { 'nestjs-tiered-cache': `file:${tarball}` };
  await installed(folder, { packages: { ...packages, ...tools, ...itself }, overrides });
  return ['module', 'commonjs'].map((type) => {
    const application = join(folder, type);
    cpSync(join(root, 'scripts/compatibility'), application, {
      recursive: true,
      filter: (path) => !path.endsWith('.mjs'),
    });
    writeJson(join(application, 'package.json'), { name: `smoke-${type}`, version: '1.0.0', private: true, type });
    writeJson(join(application, 'tsconfig.json'), { compilerOptions, files: ['smoke.ts'] });
    return { application, kind: type === 'module' ? 'ES modules' : 'CommonJS' };
  });
}

export const compile = (application) =>
  runQuietly(process.execPath, ['../node_modules/typescript/bin/tsc'], { cwd: application });
