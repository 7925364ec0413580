import type { Benchmark, Result } from './harness.js';

/** One benchmark and what came of it on each Node, in the order of the columns. */
export type Measured = readonly [Benchmark, readonly (Result | undefined)[]];

/** The page that the benchmark writes of itself. */
export function performancePage(
  measured: readonly Measured[],
  nodes: readonly string[],
  versions: readonly string[],
): string {
  return `# Performance

Written by \`npm run bench\`. All subjects of a table do the same work in one run, in interleaved rounds; the ratio is the median of the rounds' ratios to the
baseline of the same round. Absolute figures mean nothing on another machine, and ratios that differ by less than a tenth mean nothing here.

${versions.join(' · ')}

${measured.map((one) => section(one, nodes)).join('\n')}`;
}

function section([{ name, work, meaning, remark, unit }, results]: Measured, nodes: readonly string[]): string {
  const [first] = results.filter((result) => result !== undefined);
  if (!first) return `## ${name}\n\n${sentence(work)} It could not be run.\n`;
  const columns = nodes.map((node) => ` Node ${node}, ${unit} | ratio |`).join('');
  const rows = first.rows.map(({ subject }) => {
    const cells = results.map((result) => {
      const row = result?.rows.find((one) => one.subject === subject);
      return row ? ` ${figure(row.median)} | ${row.ratio.toFixed(2)}× |` : ' – | – |';
    });
    return `| ${subject} |${cells.join('')}`;
  });
  const better = unit.startsWith('op/') || unit.startsWith('req/') || unit.startsWith('hits') ? 'More' : 'Less';
  return [
    `## ${name}`,
    '',
    ...(meaning === undefined ? [] : [meaning, '']),
    `${sentence(work)} ${better} is better; ${first.baseline} is 1.`,
    '',
    `| subject |${columns}`,
    `|---|${nodes.map(() => '---:|---:|').join('')}`,
    ...rows,
    ...(remark === undefined ? [] : ['', remark]),
    '',
  ].join('\n');
}

const sentence = (work: string): string => `${work.charAt(0).toUpperCase()}${work.slice(1)}.`;

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}
