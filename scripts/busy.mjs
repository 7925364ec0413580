// npm run test:busy [-- --times 5 --loops 4 -- what Jest is to run]: `npm test` again and again beside loops that never rest.
// A suite that passes only on a quiet machine fails for whoever runs it on a laptop or a shared runner.
import { mkdirSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Remedy, main, root, runQuietly, seconds } from './commands.mjs';
import { printSummary } from './jest.mjs';

/** It looks now and then whether whoever started it is still there: a loop must not outlive its run. */
const loop = `
  const parent = process.ppid;
  for (;;) {
    const until = Date.now() + 500;
    while (Date.now() < until);
    if (process.ppid !== parent) process.exit();
  }
`;

function readArguments(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { times: { type: 'string', default: '5' }, loops: { type: 'string', default: '4' } },
  });
  const [times, loops] = [values.times, values.loops].map(Number);
  if (!(Number.isInteger(times) && times > 0 && Number.isInteger(loops) && loops >= 0))
    throw new Remedy('--times takes a whole number of 1 or more, --loops one of 0 or more.');
  return { times, loops, jestArguments: positionals };
}

function startLoops(count) {
  const children = Array.from({ length: count }, () => spawn(process.execPath, ['-e', loop], { stdio: 'ignore' }));
  const end = () => children.forEach((child) => child.kill('SIGKILL'));
  process.on('exit', end);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  return end;
}

/** The titles of the tests that failed, as Jest prints them. */
const failuresIn = (output) => [...new Set(output.match(/^ {2}● .+$/gm) ?? [])];

await main(async (args) => {
  const { times, loops, jestArguments } = readArguments(args);
  const folder = join(root, 'tmp/busy');
  mkdirSync(folder, { recursive: true });
  const endLoops = startLoops(loops);
  console.log(`npm test ${times} times beside ${loops} busy loops; what each run says goes to tmp/busy`);
  let passed = 0;
  try {
    for (let run = 1; run <= times; run++) {
      const startedAt = performance.now();
      const { code, output } = await runQuietly('npm', ['test', '--', ...jestArguments]);
      writeFileSync(join(folder, `run-${run}.log`), output);
      const summary = output.trimEnd().split('\n').at(-1);
      console.log(`${code === 0 ? 'ok     ' : 'FAILED '} run ${run} of ${times}: ${summary} (${seconds(startedAt)})`);
      for (const failure of failuresIn(output)) console.log(failure);
      if (code === 0) passed += 1;
    }
  } finally {
    endLoops();
  }
  return printSummary({ passed, failed: times - passed });
});
