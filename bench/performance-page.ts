import type { Benchmark, Result } from './harness.js';

/** The page that the benchmark writes of itself. */
export function performancePage(
  results: readonly (readonly [Benchmark, Result])[],
  versions: readonly string[],
): string {
  const sections = results.map(([{ work, target, unit, remark }, { name, baseline, rows }]) => {
    const lines = rows.map(({ subject, median, ratio }) => `| ${subject} | ${figure(median)} | ${ratio.toFixed(2)}× |`);
    return `## ${name}\n\n${work}. Baseline: ${baseline}. Ours must reach ${target}.\n\n| subject | median, ${unit} | ratio |\n|---|---:|---:|\n${lines.join('\n')}\n${remark ? `\n${remark}\n` : ''}`;
  });
  return `# Performance

Written by \`npm run bench -- --write\`. All subjects of a table do the same work in one run, in interleaved rounds; the ratio is the median of the
rounds' ratios to the baseline of the same round. Absolute figures mean nothing on another machine.

${versions.join(' · ')}

${sections.join('\n')}`;
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}
