// Projects as `nest new` makes them, of both majors and both module systems, with the packed package in them: they build, run and test by their own
// scripts, and what docs/testing.md tells to change for Jest is all that is changed.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runQuietly } from '../commands.mjs';
import { installed, must } from './project.mjs';

/** `vm` modules of Jest ask for a Node that Nest 12 is tested on with Jest: 24.9. */
export const starters = [
  { nest: '11', type: undefined, runner: 'jest', modules: 'CommonJS', needsTransform: true },
  { nest: '12', type: 'cjs', runner: 'jest', modules: 'CommonJS', leastNode: 24 },
  { nest: '12', type: 'esm', runner: 'vitest', modules: 'ES modules' },
];

/** The compilers' settings that projects of some years have. */
const olderSettings = [
  ['--module', 'commonjs', '--moduleResolution', 'node10', '--resolvePackageJsonExports', 'false'],
  ['--module', 'node16', '--moduleResolution', 'node16'],
];

/** What docs/testing.md says for Jest without `--experimental-vm-modules`. */
const forJest = {
  transform: {
    'nestjs-tiered-cache/.+\\.js$': [
      'ts-jest',
      {
        tsconfig: { allowJs: true, module: 'commonjs', target: 'es2022', isolatedModules: true },
        diagnostics: false,
      },
    ],
    '^.+\\.(t|j)s$': 'ts-jest',
  },
  transformIgnorePatterns: ['/node_modules/(?!nestjs-tiered-cache/)'],
};

/** Makes one, and says of each step how it went. */
export async function tryStarter(scratch, tarball, { nest, type, runner, modules, needsTransform }, node, report) {
  const place = `nest new of Nest ${nest}, ${modules}, ${runner}`;
  const folder = join(scratch, `starter-${nest}-${type ?? 'default'}`);
  await made(scratch, folder, nest, type);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (needsTransform) Object.assign(manifest.jest, forJest);
  manifest.dependencies['nestjs-tiered-cache'] = `file:${tarball}`;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  for (const name of readdirSync(join(root, 'scripts/compatibility/starter'))) {
    const text = readFileSync(join(root, 'scripts/compatibility/starter', name), 'utf8');
    writeFileSync(
      join(folder, 'src', name),
      modules === 'CommonJS' ? text.replaceAll('./prices.js', './prices') : text,
    );
  }
  await must(`npm install in ${folder}`, 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
  });

  const bin = (name) => join(folder, 'node_modules', name);
  const compiled = await runQuietly(node, [bin('@nestjs/cli/bin/nest.js'), 'build'], { cwd: folder });
  report(compiled, `${place}: builds`);
  const ran = await runQuietly('timeout', ['60', node, 'dist/run.js'], { cwd: folder });
  report(ran.output.includes('price 4, asked 1') ? ran : { ...ran, code: ran.code || 1 }, `${place}: runs and ends`);
  report(await tested(runner, bin, node, folder, needsTransform), `${place}: tests`);
  if (modules !== 'CommonJS') return;
  for (const settings of olderSettings) {
    const checked = [
      '-p',
      'tsconfig.build.json',
      '--noEmit',
      '--incremental',
      'false',
      '--ignoreDeprecations',
      nest === '12' ? '6.0' : '5.0',
    ];
    const told = await runQuietly(node, [bin('typescript/bin/tsc'), ...checked, ...settings], { cwd: folder });
    // What another package can't do there, as Nest 12 under node16, is not ours.
    const ours = told.output.split('\n').filter((line) => line.includes('nestjs-tiered-cache'));
    report(
      { code: ours.length === 0 ? 0 : 1, output: ours.join('\n') },
      `${place}: compiles with ${settings.slice(0, 2).join(' ')}`,
    );
  }
}

/** By the schematic that `nest new` asks, of the major that is wanted. */
async function made(scratch, folder, nest, type) {
  const tools = join(scratch, `schematics-${nest}-${type ?? 'default'}`);
  await installed(tools, {
    packages: { '@nestjs/schematics': nest, '@angular-devkit/schematics-cli': nest === '11' ? '19' : '22' },
  });
  const collection = join(tools, 'node_modules/@nestjs/schematics/dist/collection.json');
  const options = [`--name=${folder.split('/').at(-1)}`, '--package-manager=npm', '--no-debug', '--no-dry-run'];
  if (type) options.push(`--type=${type}`);
  const cli = join(tools, 'node_modules/@angular-devkit/schematics-cli/bin/schematics.js');
  await must('the schematic of nest new', process.execPath, [cli, `${collection}:application`, ...options], {
    cwd: scratch,
  });
}

function tested(runner, bin, node, cwd, needsTransform) {
  if (runner === 'vitest') return runQuietly(node, [bin('vitest/vitest.mjs'), 'run', 'src'], { cwd });
  const flags = needsTransform ? [] : ['--experimental-vm-modules'];
  return runQuietly(node, [...flags, bin('jest/bin/jest.js'), 'src'], { cwd });
}
