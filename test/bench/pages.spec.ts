import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runBenchmark } from '../../bench/harness.js';
import type { Benchmark, Result } from '../../bench/harness.js';
import { performancePage } from '../../bench/performance-page.js';
import { picturesPage } from '../../bench/pictures/pictures-page.js';
import { ResultsFile } from '../../bench/results-file.js';
import type { Outcome } from '../../bench/results-file.js';

const ours = 'nestjs-tiered-cache';

function benchmarkOf(rounds: Record<string, () => number>, more: Partial<Benchmark> = {}): Benchmark {
  return {
    name: 'hits',
    unit: 'ns/op',
    title: 'A hit',
    work: 'a look-up',
    meaning: 'What it costs.',
    aims: [{ of: '', atMost: 1.5, onNode24: 1 }],
    rounds: 5,
    prepare: async () => ({
      comparisons: [
        {
          variant: '',
          baseline: 'plain',
          picture: 'cost',
          subjects: Object.entries(rounds).map(([name, round], index) => ({
            name,
            round,
            point: { line: name, at: 10 ** index },
          })),
        },
      ],
    }),
    ...more,
  };
}

const quiet = (): void => {};
const outcomeOf = (result: Result, node = '20.1.0'): Outcome => ({ node, measuredOn: '2026-01-02', result });
const pageOf = (benchmark: Benchmark, ...outcomes: Outcome[]): string =>
  performancePage(
    [['Hits', [{ benchmark, outcomes: Object.fromEntries(outcomes.map((one) => [one.node.slice(0, 2), one])) }]]],
    ['2 cores'],
  );

describe('The page of the benchmark', () => {
  it('shows each subject on each Node, and says which aim is reached where', async () => {
    const benchmark = benchmarkOf({ plain: () => 100, [ours]: () => 120 });
    const result = await runBenchmark(benchmark, quiet);
    const page = pageOf(benchmark, outcomeOf(result), outcomeOf(result, '24.2.0'));
    expect(page).toContain(`| ${ours} | 120 | 1.20× | 120 | 1.20× |`);
    expect(page).toContain('| [A hit](#a-hit) | 1.20× | **1.20×** | ≤ 1.5×, on Node 24 1× |');
    expect(page).toContain('Aim: ≤ 1.5×, on Node 24 1×. Not reached: Node 24: 1.20× instead of 1.00×.');
    expect(page).toContain('Measured on 2026-01-02 on Node 20.1.0 and 24.2.0.');
  });

  it('marks the limit', async () => {
    const benchmark = benchmarkOf({ plain: () => 100, [ours]: () => 120, bare: () => 50 }, { limit: 'bare' });
    const page = pageOf(benchmark, outcomeOf(await runBenchmark(benchmark, quiet)));
    expect(page).toContain('| bare (the limit) | 50.0 | 0.50× |');
    expect(page).toContain('Aim: ≤ 1.5×, on Node 24 1×. Reached.');
  });

  it('says which rounds failed and why, and keeps the figures of the others', async () => {
    let round = 0;
    const fails = (): number => {
      if (++round === 3) throw new Error('a hot key was loaded');
      return 200;
    };
    const benchmark = benchmarkOf({ plain: () => 100, [ours]: fails, never: () => Number(assertFalse()) });
    const page = pageOf(benchmark, outcomeOf(await runBenchmark(benchmark, quiet)));
    expect(page).toContain(`| ${ours} | 200 | 2.00× |`);
    expect(page).not.toContain('| never |');
    expect(page).toContain('On Node 20, ');
    expect(page).toContain(`${ours}: 1 of 5 rounds failed: a hot key was loaded`);
    expect(page).toContain('never: 5 of 5 rounds failed: no server');
  });

  it('says that a benchmark could not be run, and keeps those that could', () => {
    const failed: Outcome = { node: '20.1.0', measuredOn: '2026-01-02', failure: 'no server' };
    expect(pageOf(benchmarkOf({}), failed)).toContain('Could not be measured on Node 20: no server.');
  });
});

describe('The page of pictures', () => {
  it('draws the points of a benchmark, each line once', async () => {
    const picture = { name: 'cost', title: 'Cost <all>', across: 'callers', up: 'ns', meaning: 'It grows.' };
    const benchmark = benchmarkOf({ plain: () => 100, [ours]: () => 1_000 }, { pictures: [picture] });
    const { page, drawings } = picturesPage([
      { benchmark, outcomes: { 20: outcomeOf(await runBenchmark(benchmark, quiet)) } },
    ]);
    expect(page).toContain('![Cost <all>](pictures/cost.svg)\n\nIt grows.');
    expect(drawings.map(({ file }) => file)).toEqual(['pictures/cost.svg']);
    const svg = drawings[0]?.svg ?? '';
    expect(svg).toContain('Cost &lt;all>');
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('The file of results', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-results-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps what was measured before, of other benchmarks and on other Nodes', () => {
    const path = join(folder, 'results.json');
    const result = { name: 'hits', unit: 'ns/op', baseline: 'plain', rows: [], failures: [] };
    new ResultsFile(path).save('hits', outcomeOf(result), ['2 cores']);
    new ResultsFile(path).save('hits', outcomeOf(result, '24.2.0'), ['2 cores']);
    new ResultsFile(path).save('keys', outcomeOf(result), ['4 cores']);
    const read = new ResultsFile(path);
    expect(Object.keys(read.outcomesOf('hits'))).toEqual(['20', '24']);
    expect(Object.keys(read.outcomesOf('keys'))).toEqual(['20']);
    expect(read.versions).toEqual(['4 cores']);
    expect(readFileSync(path, 'utf8').endsWith('}\n')).toBe(true);
  });
});

function assertFalse(): never {
  throw new Error('no server');
}
