import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runBenchmark } from './harness.js';
import type { Benchmark, Result } from './harness.js';
import { performancePage } from './performance-page.js';
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
  'stampede',
  'redis-stampede',
  'scope',
  'http',
  'files',
  'disk-hit',
  'spliced',
  'memory',
  'keys',
  'eviction',
  'eviction-time',
  'eviction-pauses',
];

const help = `npm run bench [-- NAME] [--json] [--smoke] [--write]

  NAME     one of ${names.join(', ')}; default all
  --json   one line per benchmark: { name, unit, baseline, rows: [{ subject, median, ratio }] }
  --smoke  one short round each: that it works, not how fast
  --write  writes docs/performance.md (with all)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    smoke: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const unknown = positionals.filter((name) => !names.includes(name));
if (values.help || unknown.length > 0) {
  process.stdout.write(help);
  if (unknown.length > 0) process.stderr.write(`There is no benchmark called ${unknown.join(', ')}.\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const versions = readVersions();
if (!values.json) process.stdout.write(`${versions.join(' · ')}\n`);
const results: [Benchmark, Result][] = [];
for (const name of positionals.length > 0 ? positionals : names) {
  const { benchmark } = (await import(`./cases/${name}.js`)) as { benchmark: Benchmark };
  const progress = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name}: ${text}`);
  };
  const result = await runBenchmark(benchmark, progress, values.smoke);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  results.push([benchmark, result]);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : table(benchmark, result));
}
if (values.write) {
  mkdirSync('docs', { recursive: true });
  writeFileSync('docs/performance.md', performancePage(results, versions));
}
process.exit(0); // peers leave timers behind; every server of this run was stopped by its benchmark

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
