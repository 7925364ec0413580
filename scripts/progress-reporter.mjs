// A Jest reporter: one line for each test file that has ended, what failed in it, and now and then what is under way.
import { relative } from 'node:path';
import { root } from './commands.mjs';

const heartbeatMs = 20_000;
const slowestShown = 8;

const inSeconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

/** What runs one test alone. `-t` takes an expression, and a shell takes what stands between single quotes as it is. */
export const alone = (file, title) =>
  `npm run jest -- ${file} -t '${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", '.')}'`;

/** A console message of a test on one line, without the lines that say where it came from. */
const oneLine = (message) => message.trim().split('\n')[0].slice(0, 200);

export default class ProgressReporter {
  /** @param stream where it writes; another one in its test. */
  constructor(_globalConfig, { stream = process.stderr } = {}) {
    this.stream = stream;
    this.running = new Map();
    this.finished = [];
    this.failures = [];
  }

  onRunStart({ numTotalTestSuites }) {
    this.total = numTotalTestSuites;
    this.startedAt = performance.now();
    this.heartbeat = setInterval(() => this.tellLanes(), heartbeatMs);
    this.heartbeat.unref();
  }

  onTestFileStart({ path }) {
    this.running.set(path, performance.now());
  }

  onTestFileResult(_test, result) {
    const { testFilePath, numPassingTests: passed, numFailingTests: failed, numPendingTests: skipped } = result;
    const tookMs = performance.now() - (this.running.get(testFilePath) ?? this.startedAt);
    this.running.delete(testFilePath);
    this.finished.push({ path: testFilePath, tookMs });
    const broken = failed > 0 || result.testExecError !== undefined;
    const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
    this.line(
      `${broken ? 'FAILED ' : 'ok     '} ${this.position()} ${relative(root, testFilePath)}: ` +
        `${counts.filter(Boolean).join(', ')} (${inSeconds(tookMs)})`,
    );
    for (const { message } of result.console ?? []) this.line(`          ${oneLine(message)}`);
    if (broken) this.tellFailure(result);
  }

  tellFailure({ testFilePath, testResults, failureMessage, testExecError }) {
    this.line(failureMessage ?? String(testExecError?.message));
    const titles = testResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    const file = relative(root, testFilePath);
    this.failures.push(...titles.map((title) => ({ file, title, again: alone(file, title) })));
    if (titles.length === 0) this.failures.push({ file, title: 'could not be run', again: `npm run jest -- ${file}` });
  }

  onRunComplete() {
    clearInterval(this.heartbeat);
    const slowest = [...this.finished].sort((a, b) => b.tookMs - a.tookMs).slice(0, slowestShown);
    if (this.finished.length <= 1) return;
    this.line('the slowest files:');
    for (const { path, tookMs } of slowest) this.line(`  ${inSeconds(tookMs).padStart(8)}  ${relative(root, path)}`);
    // Once more at the end: between them and their reasons stand hundreds of lines.
    if (this.failures.length > 0) this.line('what failed, and how it is run alone:');
    for (const { file, title, again } of this.failures) this.line(`  ● ${file}: ${title}\n    ${again}`);
  }

  /** One part for each lane. */
  tellLanes() {
    const now = performance.now();
    const lanes = [...this.running].map(([path, since]) => `${relative(root, path)} (${inSeconds(now - since)})`);
    if (lanes.length > 0) this.line(`        ${this.position()} under way: ${lanes.join(' · ')}`);
  }

  position() {
    const width = String(this.total).length;
    return `[${String(this.finished.length).padStart(width)}/${this.total}, ${inSeconds(performance.now() - this.startedAt)}]`;
  }

  line(text) {
    this.stream.write(`${text}\n`);
  }
}
