// npm run test:fleets [-- [--again] what Jest is to run]: whole fleets at work: stampedes, races for money, processes that are killed, 2,000 seeds of the
// simulated fleet, and each case of the bench once.
import { main, seconds } from './commands.mjs';
import { fleetSuites, seededSuites } from './named-suites.mjs';
import { printSummary, runJest, takeAgain } from './jest.mjs';
import { prepareMemcached } from './prepare-memcached.mjs';
import { preparePackages } from './prepare-packages.mjs';
import { prepareRedis } from './prepare-redis.mjs';

await main(async (given) => {
  const [again, jestArguments] = takeAgain(given);
  const startedAt = performance.now();
  await preparePackages();
  await prepareMemcached();
  await prepareRedis();
  const chosen = ['--runTestsByPath', ...seededSuites.paths, ...fleetSuites, ...jestArguments];
  const result = await runJest(chosen, { env: seededSuites.env, limitMs: 45 * 60_000, progress: true, again });
  console.log(`took ${seconds(startedAt)}`);
  return printSummary(result);
});
