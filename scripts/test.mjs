// npm test [-- [--again] what Jest is to run]: all that must hold, on a machine that has only Node and npm. Whole fleets at work: npm run test:fleets. What is
// built and packed: npm run test:package.
import { Remedy, main, runQuietly, seconds } from './commands.mjs';
import { printSummary, runJest, takeAgain } from './jest.mjs';
import { fleetSuites, packageSuites } from './named-suites.mjs';
import { prepareMemcached } from './prepare-memcached.mjs';
import { prepareNginx } from './prepare-nginx.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { prepareRedis } from './prepare-redis.mjs';

/** Scripts of package.json that need nothing of each other. They run one after the other beside the suites, which leave time of the processors. */
const checks = ['lint:rules', 'typecheck', 'lint:format', 'lint:floors'];

/** @returns the names of those that failed. */
async function runChecks(names) {
  const failed = [];
  for (const name of names) {
    const startedAt = performance.now();
    const { code, output } = await runQuietly('npm', ['run', '--silent', name]);
    console.log(`${code === 0 ? 'ok     ' : 'FAILED '} ${name} (${seconds(startedAt)})`);
    if (code === 0) continue;
    console.log(output.trimEnd());
    failed.push(name);
  }
  return failed;
}

/** What a clone waits for, on two cores that have nothing else to do. */
const budgetSeconds = 6 * 60;

await main(async (given) => {
  const [again, jestArguments] = takeAgain(given);
  const startedAt = performance.now();
  try {
    await preparePackages();
    await prepareMemcached();
    await prepareRedis();
    await prepareNginx();
  } catch (error) {
    if (!(error instanceof Remedy)) throw error;
    console.error(`\n${error.message}`);
    return printSummary({ passed: 0, failed: 1 });
  }
  console.log(`checking: ${checks.join(', ')}`);
  const checking = runChecks(checks);
  console.log('testing: jest');
  const jestStartedAt = performance.now();
  // Who names a suite gets it.
  const chosen =
    jestArguments.length > 0
      ? jestArguments
      : ['--testPathIgnorePatterns', '/node_modules/', '/dist/', ...packageSuites, ...fleetSuites];
  const { passed, failed, skipped } = await runJest(chosen, { limitMs: 45 * 60_000, progress: true, again });
  console.log(`${failed === 0 ? 'ok     ' : 'FAILED '} jest (${seconds(jestStartedAt)})`);
  const failedChecks = await checking;
  console.log(`all of it ${seconds(startedAt)}`);
  const tookSeconds = (performance.now() - startedAt) / 1_000;
  if (tookSeconds > budgetSeconds) {
    console.log(`longer than the ${budgetSeconds / 60} minutes that a quiet machine of two cores should need`);
  }
  if (skipped > 0) console.log(`${skipped} tests did not run: a skipped test is not a pass`);
  if (failedChecks.length > 0) console.log(`checks that failed count as failures: ${failedChecks.join(', ')}`);
  return printSummary({ passed, failed: failed + failedChecks.length });
});
