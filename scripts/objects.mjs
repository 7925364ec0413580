// npm run test:objects [-- what Jest is to run]: the object store of S3 on a real server, with its faults.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, seconds } from './commands.mjs';
import { printSummary, runJest } from './jest.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { prepareRadosgw, startRadosgw } from './radosgw.mjs';

await main(async (jestArguments) => {
  const startedAt = performance.now();
  await preparePackages();
  const unpacked = await prepareRadosgw();
  // A socket's path has to be short, so not below the project.
  const scratch = mkdtempSync(join(tmpdir(), 'radosgw-'));
  try {
    const serverStartedAt = performance.now();
    const { port, pid, key, secret, stop } = await startRadosgw(unpacked, scratch);
    console.log(`radosgw: answers on port ${port} (${seconds(serverStartedAt)})`);
    try {
      const result = await runJest(['--runInBand', '--verbose', ...jestArguments, '--testMatch', '**/*.radosgw.ts'], {
        env: { OBJECTS_PORT: `${port}`, OBJECTS_PID: `${pid}`, OBJECTS_KEY: key, OBJECTS_SECRET: secret },
        limitMs: 20 * 60_000,
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
