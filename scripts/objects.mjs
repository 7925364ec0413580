// npm run test:objects [-- [--whole] [--again] what Jest is to run]: the object store of S3 on a real server, with its faults.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, seconds } from './commands.mjs';
import { printSummary, runJest, takeAgain } from './jest.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { prepareRadosgw, startRadosgw } from './radosgw.mjs';

/** So often a downloading process is killed; with --whole as often as the reliability scenario says. */
const kills = { usual: 30, whole: 200 };

await main(async (given) => {
  const isWhole = given.includes('--whole');
  const [again, jestArguments] = takeAgain(given.filter((argument) => argument !== '--whole'));
  const OBJECTS_KILLS = `${isWhole ? kills.whole : kills.usual}`;
  const startedAt = performance.now();
  await preparePackages();
  const unpacked = await prepareRadosgw();
  // A socket's path has to be short, so not below the project.
  const scratch = mkdtempSync(join(tmpdir(), 'radosgw-'));
  try {
    const serverStartedAt = performance.now();
    const { port, pid, key, secret, stop } = await startRadosgw(unpacked, scratch);
    console.log(`radosgw: answers on port ${port} (${seconds(serverStartedAt)})`);
    console.log(
      `kills of a process that downloads: ${OBJECTS_KILLS}${isWhole ? '' : `; ${kills.whole} with -- --whole`}`,
    );
    try {
      const result = await runJest(['--runInBand', '--verbose', ...jestArguments, '--testMatch', '**/*.radosgw.ts'], {
        env: {
          OBJECTS_PORT: `${port}`,
          OBJECTS_PID: `${pid}`,
          OBJECTS_KEY: key,
          OBJECTS_SECRET: secret,
          OBJECTS_KILLS,
          // Each process would say once more which Node its next versions will need.
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        },
        limitMs: 30 * 60_000,
        again,
      });
      console.log(`took ${seconds(startedAt)}`);
      return printSummary(result);
    } finally {
      await stop();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
