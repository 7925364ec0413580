import { parseArgs } from 'node:util';
import { aimText } from './aims.js';
import { benchmarkOf, caseNames } from './case-names.js';
import { figure } from './figure.js';
import { runBenchmark } from './harness.js';
import type { Benchmark, Result } from './harness.js';
import { otherNode, runOn, thisNode } from './node-runs.js';
import type { NodeProgram } from './node-runs.js';
import { ResultsFile } from './results-file.js';
import { readVersions } from './versions.js';
import { writePages } from './write-pages.js';

const help = `npm run bench [-- NAME…] [--short] [--node WHICH] [--json] [--smoke] [--write] [--to FOLDER] [--page]

  Without a NAME all of them run, on this Node and on Node 24, and docs/performance.md and its pictures are written: an hour on two quiet cores.
  What fails is said on the page and by the exit code, and costs no other benchmark its figures.

  NAME     ${caseNames.join(', ')}
  --short  three rounds each: minutes for all, and nothing is written
  --node   another Node: a path, or a version that npm has (24), which is installed into a temporary folder; may be repeated
  --json   one line per benchmark: { name, unit, baseline, rows: [{ subject, median, ratio }], failures }
  --smoke  one short round each: that it works, not how fast
  --write  writes what was run into the pages; what was not run stays as it was measured before
  --to     writes into this folder instead of docs
  --page   measures nothing, and writes the pages of what was measured before
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    smoke: { type: 'boolean' },
    short: { type: 'boolean' },
    write: { type: 'boolean' },
    page: { type: 'boolean' },
    to: { type: 'string' },
    node: { type: 'string', multiple: true },
    help: { type: 'boolean' },
  },
});
const unknown = positionals.filter((name) => !caseNames.includes(name));
if (values.help || unknown.length > 0) {
  process.stdout.write(help);
  if (unknown.length > 0) process.stderr.write(`There is no benchmark called ${unknown.join(', ')}.\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const chosen = positionals.length > 0 ? positionals : caseNames;
const isWhole = positionals.length === 0 && !values.json && !values.smoke && !values.short;
const folder = values.to ?? 'docs';
const results = new ResultsFile(values.to === undefined ? 'bench/results.json' : `${values.to}/results.json`);
const versions = readVersions();
// Servers are ended when the process exits, which a signal by itself does not make it do.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
if (values.json) await runHere();
else if (!values.page) await runOnNodes();
if (values.page || isWhole || values.write) await writePages(results, folder);
process.exit(); // peers leave timers behind; every server of this run was stopped by its benchmark

/** In this process, one after the other. */
async function runHere(): Promise<void> {
  for (const name of chosen) {
    const progress = (text: string): void => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name}: ${text}`);
    };
    const result = await runBenchmark(await benchmarkOf(name), progress, values.smoke, values.short);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    if (result.failures.length > 0) process.exitCode = 1;
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

/** Each in a process of its own, on each Node. */
async function runOnNodes(): Promise<void> {
  process.stdout.write(`${versions.join(' · ')}\n`);
  const nodes = [thisNode, ...(values.node ?? (isWhole ? ['24'] : [])).flatMap((wanted) => otherNodes(wanted))];
  for (const name of chosen) {
    const benchmark = await benchmarkOf(name);
    for (const node of nodes) await runOne(benchmark, node);
  }
}

function otherNodes(wanted: string): NodeProgram[] {
  const node = otherNode(wanted);
  if (node) return [node];
  process.exitCode = 1;
  process.stderr.write(`Node ${wanted} can't be had: its columns stay as they were.\n`);
  return [];
}

/** One benchmark on one Node, once more if it fails. */
async function runOne(benchmark: Benchmark, node: NodeProgram): Promise<void> {
  const { name } = benchmark;
  const flags = values.short ? ['--short'] : values.smoke ? ['--smoke'] : [];
  const run = (): Promise<Result> => runOn(node, name, flags);
  const told = { node: node.version, measuredOn: new Date().toISOString().slice(0, 10) };
  const isKept = isWhole || values.write;
  try {
    const result = await (values.smoke ? run() : run().catch(run));
    if (result.failures.length > 0) process.exitCode = 1;
    if (isKept) results.save(name, { ...told, result }, versions);
    process.stdout.write(`\nNode ${node.version}\n${table(benchmark, result)}`);
  } catch (error) {
    process.exitCode = 1;
    const failure = (error as Error).message;
    if (isKept) results.save(name, { ...told, failure }, versions);
    process.stderr.write(`${name} failed on Node ${node.version}: ${failure}\n`);
  }
}

function table({ work, aims, unit }: Benchmark, { name, baseline, rows, failures }: Result): string {
  const width = Math.max(...rows.map(({ subject }) => subject.length));
  const lines = rows.map(
    ({ subject, median, ratio }) =>
      `  ${subject.padEnd(width)}  ${figure(median).padStart(12)} ${unit}  ${ratio.toFixed(2)}×`,
  );
  const aim = aims.map((one) => `${one.of} ${aimText(one, unit)}`.trim()).join('; ');
  return `${name}: ${work}; baseline ${baseline}; aim ${aim}\n${[...lines, ...failures.map((one) => `  ${one}`)].join('\n')}\n`;
}
