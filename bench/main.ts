import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runBenchmark } from './harness.js';
import type { Benchmark, Result } from './harness.js';
import { otherNode, runOn, thisNode } from './node-runs.js';
import { performancePage } from './performance-page.js';
import type { Measured } from './performance-page.js';
import { readVersions } from './versions.js';

const names = [
  'process-hit',
  'process-hit-sync',
  'request-hit',
  'shared-hit',
  'redis-hit',
  'redis-delete',
  'redis-dropped',
  'bulk',
  'writes',
  'stampede',
  'redis-stampede',
  'scope',
  'http',
  'files',
  'disk-hit',
  'spliced',
  'memory',
  'keys',
  'growth',
  'eviction',
  'eviction-time',
  'eviction-pauses',
];

const help = `npm run bench [-- NAME…] [--short] [--node WHICH] [--json] [--smoke] [--write]

  Without a NAME all of them run, on this Node and on Node 24, and docs/performance.md is written: 15 minutes on two quiet cores.

  NAME     ${names.join(', ')}
  --short  three rounds each: minutes for all, and nothing is written
  --node   another Node: a path, or a version that npm has (24), which is installed into a temporary folder; may be repeated
  --json   one line per benchmark: { name, unit, baseline, rows: [{ subject, median, ratio }] }
  --smoke  one short round each: that it works, not how fast
  --write  writes docs/performance.md of what was run
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    smoke: { type: 'boolean' },
    short: { type: 'boolean' },
    write: { type: 'boolean' },
    node: { type: 'string', multiple: true },
    help: { type: 'boolean' },
  },
});
const unknown = positionals.filter((name) => !names.includes(name));
if (values.help || unknown.length > 0) {
  process.stdout.write(help);
  if (unknown.length > 0) process.stderr.write(`There is no benchmark called ${unknown.join(', ')}.\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const chosen = positionals.length > 0 ? positionals : names;
const isWhole = positionals.length === 0 && !values.json && !values.smoke && !values.short;
const asked = values.node ?? (isWhole ? ['24'] : []);
const versions = readVersions();
if (!values.json) process.stdout.write(`${versions.join(' · ')}\n`);
if (values.json || (asked.length === 0 && !isWhole && !values.write)) await runHere();
else await runOnNodes();
process.exit(); // peers leave timers behind; every server of this run was stopped by its benchmark

/** In this process, one after the other. */
async function runHere(): Promise<void> {
  for (const name of chosen) {
    const benchmark = await benchmarkOf(name);
    const progress = (text: string): void => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name}: ${text}`);
    };
    const result = await runBenchmark(benchmark, progress, values.smoke, values.short);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : table(benchmark, result));
  }
}

/** Each in a process of its own, on each Node. One that fails leaves its cells empty, and ends the run with an error when all others are done. */
async function runOnNodes(): Promise<void> {
  const others = asked.map((wanted) => [wanted, otherNode(wanted)] as const);
  for (const [wanted, node] of others) {
    if (!node) process.stderr.write(`Node ${wanted} can't be had: its columns are left out.\n`);
  }
  const nodes = [thisNode, ...others.flatMap(([, node]) => node ?? [])];
  const measured: Measured[] = [];
  for (const name of chosen) {
    const benchmark = await benchmarkOf(name);
    const results: (Result | undefined)[] = [];
    for (const node of nodes) {
      const flags = values.short ? ['--short'] : values.smoke ? ['--smoke'] : [];
      try {
        const result = await runOn(node, name, flags);
        results.push(result);
        process.stdout.write(`\nNode ${node.version}${table(benchmark, result)}`);
      } catch (error) {
        results.push(undefined);
        process.exitCode = 1;
        process.stderr.write(`${(error as Error).message}\n`);
      }
    }
    measured.push([benchmark, results]);
  }
  if (!isWhole && !values.write) return;
  const columns = nodes.map(({ version }) => version.split('.')[0] ?? version);
  const told = [`Node ${nodes.map(({ version }) => version).join(' and ')}`, ...versions.slice(1)];
  mkdirSync('docs', { recursive: true });
  writeFileSync('docs/performance.md', performancePage(measured, columns, told));
}

async function benchmarkOf(name: string): Promise<Benchmark> {
  return ((await import(`./cases/${name}.js`)) as { benchmark: Benchmark }).benchmark;
}

function table({ work, target }: Benchmark, { name, unit, baseline, rows }: Result): string {
  const width = Math.max(...rows.map(({ subject }) => subject.length));
  const lines = rows.map(
    ({ subject, median, ratio }) =>
      `  ${subject.padEnd(width)}  ${figure(median).padStart(12)} ${unit}  ${ratio.toFixed(2)}×`,
  );
  return `\n${name}: ${work}; baseline ${baseline}; ours must reach ${target}\n${lines.join('\n')}\n`;
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}
