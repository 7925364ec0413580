// npm run test:compatibility: the packed package in projects of its own, on every version of Nest, platform and Node it promises.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Remedy, main, outputOf, root, runQuietly, seconds } from './commands.mjs';
import { printSummary } from './jest.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { runBuild } from './build.mjs';

const nestVersions = ['11', '12'];
const moduleKinds = ['module', 'commonjs'];
const platforms = ['express', 'fastify'];

/** The smoke application takes under 2 s; one that does not exit by itself is a failure. */
const smokeSeconds = '30';

async function must(what, command, args, options) {
  const { code, output } = await runQuietly(command, args, options);
  if (code !== 0) throw new Remedy(`${what} failed:\n${output.trimEnd()}`);
  return output;
}

const install = (folder, ...packages) =>
  must(
    `npm install ${packages.join(' ')}`,
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages],
    {
      cwd: folder,
    },
  );

function newFolder(scratch, name, packageJson) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: '1.0.0', private: true, ...packageJson }));
  return folder;
}

/** The Node that runs this, and the newest that the registry has: the package `node` links to one per platform. */
async function nodes(scratch) {
  const folder = newFolder(scratch, 'newest-node', { name: 'newest-node' });
  const version = outputOf('npm', ['view', 'node', 'version']);
  if (version === undefined) throw new Remedy('The registry does not tell the newest version of Node.');
  const name = `node-${process.platform}-${process.arch}`;
  await install(folder, `${name}@${version}`);
  return [process.execPath, join(folder, 'node_modules', name, 'bin/node')];
}

async function project(scratch, tarball, nest, kind) {
  const folder = newFolder(scratch, `nest-${nest}-${kind}`, { name: `nest-${nest}-${kind}`, type: kind });
  const nestPackages = ['common', 'core', 'platform-express', 'platform-fastify'].map(
    (name) => `@nestjs/${name}@${nest}`,
  );
  await install(
    folder,
    tarball,
    ...nestPackages,
    'rxjs@7',
    'reflect-metadata@0.2',
    'lmdb@3',
    'typescript@5.9',
    '@types/node@20',
  );
  cpSync(join(root, 'scripts/compatibility/smoke.ts'), join(folder, 'smoke.ts'));
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['smoke.ts'] }));
  return folder;
}

await main(async () => {
  const startedAt = performance.now();
  await preparePackages();
  await runBuild();
  const scratch = mkdtempSync(join(tmpdir(), 'compatibility-'));
  let passed = 0;
  let failed = 0;
  const report = ({ code, output }, what) => {
    console.log(`${code === 0 ? 'ok     ' : 'FAILED '} ${what}`);
    if (code !== 0) console.log(output.trimEnd());
    if (code === 0) passed += 1;
    else failed += 1;
  };
  try {
    await must('npm pack', 'npm', ['pack', '--ignore-scripts', '--pack-destination', scratch]);
    const tarball = join(
      scratch,
      readdirSync(scratch).find((name) => name.endsWith('.tgz')),
    );
    const executables = await nodes(scratch);
    for (const nest of nestVersions) {
      for (const kind of moduleKinds) {
        const folder = await project(scratch, tarball, nest, kind);
        const installed = outputOf(process.execPath, [
          '-p',
          `require('${folder}/node_modules/@nestjs/core/package.json').version`,
        ]);
        const place = `Nest ${installed}, ${kind === 'module' ? 'ES modules' : 'CommonJS'}`;
        report(await runQuietly('npx', ['tsc'], { cwd: folder }), `${place}: compiles with TypeScript 5.9`);
        for (const platform of platforms) {
          for (const node of executables) {
            rmSync(join(folder, 'node_modules/.cache'), { recursive: true, force: true });
            const smoke = await runQuietly('timeout', [smokeSeconds, node, 'smoke.js'], {
              cwd: folder,
              env: { PLATFORM: platform, CACHE_DISK_PATH: '', MEMCACHED_SERVERS: '', NODE_OPTIONS: '' },
            });
            report(smoke, `${place}, ${platform}, Node ${outputOf(node)}`);
          }
        }
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`took ${seconds(startedAt)}`);
  return printSummary({ passed, failed });
});
