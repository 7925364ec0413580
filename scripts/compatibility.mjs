// npm run test:compatibility [-- 12 …]: the packed package in projects of its own, on every version of Nest, its peers, platform and Node that it
// promises; given numbers, those versions of Nest alone.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, outputOf, root, runQuietly, seconds } from './commands.mjs';
import { compile, must, nodes, project } from './compatibility/project.mjs';
import { starters, tryStarter } from './compatibility/starters.mjs';
import { combinations } from './compatibility/versions.mjs';
import { printSummary } from './jest.mjs';
import { prepareMemcached } from './prepare-memcached.mjs';
import { prepareNginx } from './prepare-nginx.mjs';
import { prepareRedis } from './prepare-redis.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { startMemcached, startRedis } from './compatibility/servers.mjs';
import { runBuild } from './build.mjs';

const platforms = ['express', 'fastify'];

/** The smoke application takes a few seconds, minutes on a busy machine; one that does not exit by itself is a failure. */
const smokeSeconds = '240';

const versionIn = (application, name) =>
  JSON.parse(readFileSync(join(application, '../node_modules', name, 'package.json'), 'utf8')).version;

await main(async (wanted) => {
  const startedAt = performance.now();
  await preparePackages();
  await prepareMemcached();
  await prepareRedis();
  await prepareNginx();
  await runBuild();
  const scratch = mkdtempSync(join(tmpdir(), 'compatibility-'));
  const memcached = await startMemcached();
  const redis = await startRedis();
  let passed = 0;
  let failed = 0;
  const report = ({ code, output }, what) => {
    console.log(`${code === 0 ? 'ok     ' : 'FAILED '} ${what}`);
    if (code !== 0) console.log(output.trimEnd());
    if (code === 0) passed += 1;
    else failed += 1;
  };
  try {
    await must('npm pack', 'npm', ['pack', '--ignore-scripts', '--pack-destination', scratch], { cwd: root });
    const tarball = join(
      scratch,
      readdirSync(scratch).find((name) => name.endsWith('.tgz')),
    );
    const executables = await nodes(scratch);
    const tried = combinations.filter(({ nest }) => wanted.length === 0 || wanted.includes(nest.split('.')[0]));
    for (const combination of tried) {
      for (const { application, kind } of await project(scratch, tarball, combination)) {
        const place = `Nest ${versionIn(application, '@nestjs/core')}, ${combination.peers}, ${kind}`;
        report(
          await compile(application),
          `${place}: compiles with TypeScript ${versionIn(application, 'typescript')}`,
        );
        for (const platform of platforms) {
          for (const node of executables) {
            rmSync(join(application, 'node_modules'), { recursive: true, force: true }); // the disk store
            const smoke = await runQuietly('timeout', [smokeSeconds, node, 'smoke.js'], {
              cwd: application,
              env: {
                PLATFORM: platform,
                SMOKE_MEMCACHED: memcached.address,
                SMOKE_REDIS: `redis://${redis.address}`,
                CACHE_DISK_PATH: '',
                MEMCACHED_SERVERS: '',
                NODE_OPTIONS: '',
              },
            });
            const parts = /\d+ of \d+ parts/.exec(smoke.output)?.[0] ?? 'no parts';
            report(smoke, `${place}, ${platform}, Node ${outputOf(node)}: ${parts}`);
          }
        }
      }
    }
    for (const starter of starters) {
      if (wanted.length > 0 && !wanted.includes(starter.nest)) continue;
      const node = executables[starter.leastNode === undefined ? 0 : executables.length - 1];
      await tryStarter(scratch, tarball, starter, node, report);
    }
  } finally {
    await memcached.stop();
    await redis.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`took ${seconds(startedAt)}`);
  return printSummary({ passed, failed });
});
