// npm run test:endurance [-- L1 F9 …]: the reliability scenarios at their full counts and times, one after the other.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { main, root, seconds } from './commands.mjs';
import { printSummary, runJest } from './jest.mjs';
import { prepareMemcached } from './prepare-memcached.mjs';
import { prepareRedis } from './prepare-redis.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { runBuild } from './build.mjs';

/** A test is a scenario's when its name says so: `L1 four processes contend for one lock`. Decoders are fuzzed by name as well. */
const scenarioName = '\\b[LFVSTRWBO][0-9]{1,2}\\b|^bytes that were changed .* fuzzed,';

function specsThatMention(pattern) {
  const expression = new RegExp(pattern);
  return (
    ['test', 'examples']
      .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((path) => join(folder, path)))
      // What takes minutes at any count stands in files of its own.
      .filter((path) => /\.(spec|endurance)\.ts$/.test(path) && !path.includes('node_modules'))
      .filter((path) => expression.test(readFileSync(join(root, path), 'utf8')))
      .sort()
  );
}

await main(async (names) => {
  const startedAt = performance.now();
  await preparePackages();
  await prepareMemcached();
  await prepareRedis();
  await runBuild();
  const pattern = names.length === 0 ? scenarioName : `\\b(${names.join('|')})\\b`;
  const specs = specsThatMention(pattern);
  if (specs.length === 0) {
    console.error(`No spec mentions ${names.join(', ') || 'a scenario'}.`);
    return printSummary({ passed: 0, failed: 1 });
  }
  console.log(`scenarios in ${specs.length} files:\n  ${specs.join('\n  ')}`);
  const result = await runJest(
    [
      '--runInBand',
      '--verbose',
      '--testMatch=**/*.{spec,endurance}.ts',
      '--testNamePattern',
      pattern,
      '--runTestsByPath',
      ...specs,
    ],
    {
      env: { ENDURANCE: '1' },
      limitMs: 6 * 60 * 60_000,
    },
  );
  console.log(`took ${seconds(startedAt)}`);
  return printSummary(result);
});
