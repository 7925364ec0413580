import type { Benchmark } from './harness.js';

/** What is measured, in the order of the page, by what a reader may be looking for. */
export const groups = {
  Hits: ['process-hit', 'process-hit-sync', 'request-hit', 'disk-hit', 'shared-hit', 'redis-hit', 'keys'],
  'Many at a time, and nothing there': ['bulk', 'stampede', 'redis-stampede'],
  Writes: ['writes', 'redis-delete', 'redis-dropped', 'churn'],
  'In a Nest application': ['scope', 'http', 'files', 'spliced'],
  'What fits into the process': ['memory', 'eviction', 'eviction-curves', 'eviction-time', 'eviction-pauses'],
  'How cost grows': ['growth', 'growth-disk', 'growth-fleet'],
} as const;

export const caseNames: readonly string[] = Object.values(groups).flat();

export async function benchmarkOf(name: string): Promise<Benchmark> {
  return ((await import(`./cases/${name}.js`)) as { benchmark: Benchmark }).benchmark;
}
