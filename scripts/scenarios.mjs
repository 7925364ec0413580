// npm run test:scenarios [-- what Jest is to run]: what takes rights that few test runs have: containers' process ids, full disks, other users;
// what takes minutes; and processes whose wall clocks are wrong.
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Remedy, main, outputOf, seconds } from './commands.mjs';
import { printSummary, runJest } from './jest.mjs';
import { prepareFaketime } from './prepare-faketime.mjs';
import { prepareMemcached } from './prepare-memcached.mjs';
import { prepareRedis } from './prepare-redis.mjs';
import { preparePackages } from './prepare-packages.mjs';

const needed = [
  ['processes with ids of their own', () => outputOf('unshare', ['--fork', '--pid', '--mount-proc', 'true'])],
  ['file systems of a given size', mountsSmallFileSystem],
  ['files of other users', () => (process.getuid?.() === 0 ? '' : undefined)],
];

function mountsSmallFileSystem() {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-tiered-cache-mount-'));
  try {
    const mounted = outputOf('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    if (mounted !== undefined) outputOf('umount', [folder]);
    return mounted;
  } finally {
    rmdirSync(folder);
  }
}

await main(async (jestArguments) => {
  const startedAt = performance.now();
  const missing = needed.filter(([, works]) => works() === undefined).map(([what]) => what);
  if (missing.length > 0) {
    throw new Remedy(
      `This user may not make ${missing.join(', ')}. Run it as root of a Linux machine, or in a container with \`docker run --privileged\`.`,
    );
  }
  await preparePackages();
  await prepareMemcached();
  await prepareRedis();
  await prepareFaketime();
  const result = await runJest(['--runInBand', '--verbose', ...jestArguments, '--testMatch=**/*.scenario.ts'], {
    limitMs: 30 * 60_000,
  });
  console.log(`took ${seconds(startedAt)}`);
  return printSummary(result);
});
