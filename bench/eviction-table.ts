import { cellsOfEnvironment } from './support/eviction/cells.js';
import { baseline, contenders, ours, s3Fifo } from './support/eviction/contenders.js';

/** Prints hit ratios as a Markdown table: `EVICTION_TRACES=folder EVICTION_SEED=1 node --import tsx bench/eviction-table.ts`. */
const names = Object.keys(contenders);
const { seed, cells } = cellsOfEnvironment(400_000);
const sums = new Map<string, number>();
let worst = { name: '', difference: Infinity };

console.log(`Hits of 100 look-ups, seed ${seed}\n`);
console.log(`| cell | ${names.join(' | ')} | ours beside the better |\n|---|${'---:|'.repeat(names.length + 1)}`);
for (const cell of cells) {
  const hits = new Map(names.map((name) => [name, cell.hitsPercent(name)]));
  for (const [name, figure] of hits) sums.set(name, (sums.get(name) ?? 0) + figure);
  const difference = Number(hits.get(ours)) - Math.max(Number(hits.get(baseline)), Number(hits.get(s3Fifo)));
  if (difference < worst.difference) worst = { name: cell.name, difference };
  console.log(`| ${cell.name} | ${[...hits.values(), difference].map((figure) => figure.toFixed(2)).join(' | ')} |`);
}
const means = names.map((name) => ((sums.get(name) ?? 0) / cells.length).toFixed(2));
console.log(`| mean | ${means.join(' | ')} | |\n\nWorst cell: ${worst.name}, ${worst.difference.toFixed(2)}.`);
