// npm run test:package [-- [--again] what Jest is to run]: the package is built, packed and installed, and is used as the documents say.
import { Remedy, main, runQuietly, seconds } from './commands.mjs';
import { printSummary, runJest, takeAgain } from './jest.mjs';
import { packageSuites } from './named-suites.mjs';
import { prepareMemcached } from './prepare-memcached.mjs';
import { preparePackages } from './prepare-packages.mjs';

await main(async (given) => {
  const [again, jestArguments] = takeAgain(given);
  const startedAt = performance.now();
  await preparePackages();
  await prepareMemcached();
  const { code, output } = await runQuietly('npm', ['run', '--silent', 'build']);
  if (code !== 0) throw new Remedy(`The package can not be built:\n${output.trimEnd()}`);
  console.log(`built (${seconds(startedAt)})`);
  const chosen = ['--runTestsByPath', ...packageSuites, ...jestArguments];
  const result = await runJest(chosen, { limitMs: 20 * 60_000, progress: true, again });
  console.log(`took ${seconds(startedAt)}`);
  return printSummary(result);
});
