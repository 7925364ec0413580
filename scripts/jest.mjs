// Runs Jest and counts what came of it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { root } from './commands.mjs';

const progressReporter = join(root, 'scripts/progress-reporter.mjs');

/** More files than these fail for a reason of their own. */
const secondChances = 3;

/**
 * Resolves to `{ passed, failed, skipped }`. `config` stands for that of the project. With `progress`, a line for each file as it ends instead of what Jest prints. A file that could not be run counts as one failure, as does a Jest that crashed, ran
 * longer than `limitMs` or was still there `exitWithinMs` after its last test, kept alive by a handle that a test left.
 *
 * With `again`, up to three files that failed run once more, with nothing beside them. What passes then is named as unsteady, and counts as passed.
 */
export async function runJest(args, { again = false, ...options }) {
  const first = await runOnce(args, options);
  if (!again || !first.ended || first.failedFiles.length === 0 || first.failedFiles.length > secondChances)
    return first;
  const files = first.failedFiles.map(({ path }) => path);
  console.log(`once more, by themselves: ${files.map((file) => relative(root, file)).join(', ')}`);
  const second = await runOnce(['--runInBand', '--runTestsByPath', ...files], options);
  const stillFailing = second.failedFiles.map(({ path }) => path);
  for (const { path, titles } of first.failedFiles) {
    if (stillFailing.includes(path) || !second.ended) continue;
    for (const title of titles) console.log(`UNSTEADY ${relative(root, path)}: ${title}`);
  }
  const passedBefore = first.failedFiles.reduce((sum, { passed }) => sum + passed, 0);
  return {
    passed: first.passed - passedBefore + second.passed,
    failed: second.failed,
    skipped: first.skipped + second.skipped,
  };
}

async function runOnce(args, { config, env = {}, limitMs, exitWithinMs = 15_000, progress = false }) {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-tiered-cache-jest-'));
  const resultFile = join(folder, 'result.json');
  const child = spawn(
    process.execPath,
    ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js']
      .concat(config ? ['--config', config] : [])
      .concat(progress ? ['--reporters', progressReporter] : [])
      .concat(['--ci', '--json', '--outputFile', resultFile])
      .concat(args),
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } },
  );
  const startedAt = performance.now();
  let problem;
  let finishedAt;
  const watch = setInterval(() => {
    const now = performance.now();
    if (finishedAt === undefined && existsSync(resultFile)) finishedAt = now;
    if (now - startedAt > limitMs) problem = `Jest ran longer than ${limitMs / 60_000} minutes`;
    else if (finishedAt !== undefined && now - finishedAt > exitWithinMs) problem = 'Jest did not exit by itself';
    if (problem !== undefined) child.kill('SIGKILL');
  }, 250);
  const forward = (signal) => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  const [code] = await once(child, 'exit');
  clearInterval(watch);
  process.off('SIGINT', forward).off('SIGTERM', forward);
  try {
    return count(code, problem, resultFile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function count(code, problem, resultFile) {
  const result = existsSync(resultFile)
    ? JSON.parse(readFileSync(resultFile, 'utf8'))
    : {
        numPassedTests: 0,
        numFailedTests: 0,
        numPendingTests: 0,
        numTodoTests: 0,
        numRuntimeErrorTestSuites: 0,
        testResults: [],
      };
  const passed = result.numPassedTests;
  const skipped = result.numPendingTests + result.numTodoTests;
  let failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  if (problem === undefined && code !== 0 && failed === 0) problem = `Jest ended with code ${code}`;
  if (problem !== undefined) {
    console.error(`\n${problem}.`);
    failed += 1;
  }
  const failedFiles = result.testResults.filter(({ status }) => status === 'failed').map(failedFile);
  return { passed, failed, skipped, failedFiles, ended: problem === undefined };
}

function failedFile({ name: path, assertionResults }) {
  const titles = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  const passed = assertionResults.filter(({ status }) => status === 'passed').length;
  return { path, titles: titles.length > 0 ? titles : ['could not be run'], passed };
}

/** `[again, arguments]`: whether `--again` was given, and what is for Jest. */
export const takeAgain = (given) => [given.includes('--again'), given.filter((argument) => argument !== '--again')];

/** The last line of a run, alone: programs read it. */
export function printSummary({ passed, failed }) {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
