import type { Aim } from './aims.js';

/** One contender: how much it took, or how much it did, in one round. */
export interface Subject {
  readonly name: string;
  /** Does the work once and returns the figure, in the benchmark's unit. Throws when a result is wrong. */
  readonly round: () => number | Promise<number>;
  /** Where it stands in a picture: the line, and the place from left to right. */
  readonly point?: { readonly line: string; readonly at: number };
}

/** Contenders that do the same work, among them the baseline. */
export interface Comparison {
  /** Such as the concurrency; stands behind each name. Empty when there is one comparison alone. */
  readonly variant: string;
  readonly baseline: string;
  readonly subjects: readonly Subject[];
  /** The picture that its points are drawn in. */
  readonly picture?: string;
}

/** A picture of a benchmark's points. */
export interface Picture {
  /** Names the file, too. */
  readonly name: string;
  readonly title: string;
  /** What lies from left to right, on a logarithmic axis. */
  readonly across: string;
  /** What lies from bottom to top. */
  readonly up: string;
  /** Default logarithmic: powers of ten. */
  readonly isLinear?: boolean;
  /** What is drawn of a median. Default itself. */
  readonly show?: (median: number) => number;
  /** What a reader sees in it, and why. */
  readonly meaning: string;
}

export interface Benchmark {
  readonly name: string;
  /** Of the figures: `ns/op` (less is better) or `op/s` (more is better). */
  readonly unit: string;
  /** What it is about, in a reader's words. */
  readonly title: string;
  /** What the work is. */
  readonly work: string;
  /** What the figures mean for whoever uses the cache. */
  readonly meaning: string;
  /** What the figures are to be. */
  readonly aims: readonly Aim[];
  /** The subject that does the least that can be done: nothing that does the work can be faster. */
  readonly limit?: string;
  /** What else a reader should know of the figures. */
  readonly remark?: string;
  readonly pictures?: readonly Picture[];
  /** Figures of one round are taken in this many rounds, interleaved. At least 5, but where chance has no part in the figures. */
  readonly rounds?: number;
  /**
   * How long each contender does the same work before each of its rounds, in milliseconds, without being measured. Default 0, for what is no steady
   * work, such as a heap that is measured. Steady work takes `untilSteadyMs`.
   */
  readonly warmUpMs?: number;
  /** @param smoke is it enough to see that it works? Then counts are cut by `counted`. */
  prepare(smoke: boolean): Promise<{ readonly comparisons: readonly Comparison[]; readonly close?: () => unknown }>;
}

export interface Row {
  readonly subject: string;
  readonly median: number;
  /** Median of the rounds' ratios to the baseline's figure of the same round. */
  readonly ratio: number;
  readonly point?: { readonly picture: string; readonly line: string; readonly at: number };
}

export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly baseline: string;
  /** As the benchmark's. */
  readonly warmUpMs?: number;
  readonly rows: readonly Row[];
  /** Of rounds that failed: which subject's, how many, and why. */
  readonly failures: readonly string[];
}

/**
 * A full collection, as there is one before each round, makes V8 let go of code that was optimised for shapes of which no object was left. A service
 * that is asked all the time has such objects. So a round of steady work begins when that code is there again: after about a second.
 */
export const untilSteadyMs = 1_500;

/**
 * Runs each contender of each comparison once to warm up, then those of a comparison in turn, round by round, so that a machine that slows down
 * slows all of them. A round that fails costs its own figure, and no other.
 */
export async function runBenchmark(
  benchmark: Benchmark,
  progress: (text: string) => void,
  smoke = false,
  short = false,
): Promise<Result> {
  const { comparisons, close } = await benchmark.prepare(smoke);
  const warmUpMs = smoke ? 0 : (benchmark.warmUpMs ?? 0);
  const full = benchmark.rounds ?? 7;
  const rounds = smoke ? 1 : short ? Math.min(3, full) : full;
  const rows: Row[] = [];
  const failures: string[] = [];
  // Where one round is enough, nothing depends on what is warm.
  const contenders = smoke || full === 1 ? [] : comparisons.flatMap(({ subjects }) => subjects);
  for (const { name, round } of contenders) {
    progress(`warming up ${name}`);
    await attempt(round, () => {});
  }
  for (const comparison of comparisons) {
    const compared = await compare(comparison, rounds, warmUpMs, progress);
    rows.push(...compared.rows);
    failures.push(...compared.failures);
  }
  await attempt(
    () => Promise.resolve(close?.()).then(() => 0),
    (why) => failures.push(`the end: ${why}`),
  );
  const { name, unit } = benchmark;
  return { name, unit, baseline: comparisons[0]?.baseline ?? '', ...(warmUpMs > 0 && { warmUpMs }), rows, failures };
}

async function compare(
  { variant, baseline, subjects, picture }: Comparison,
  rounds: number,
  warmUpMs: number,
  progress: (text: string) => void,
): Promise<{ rows: Row[]; failures: string[] }> {
  const figures = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  const failed = new Map<string, string[]>();
  for (let done = 0; done < rounds; done++) {
    progress(`${variant} round ${done + 1} of ${rounds}`.trim());
    // Every other round in the other direction: nobody always comes after the same one.
    for (const { name, round } of done % 2 === 0 ? subjects : subjects.toReversed()) {
      globalThis.gc?.();
      for (const until = performance.now() + warmUpMs; performance.now() < until;) await attempt(round, () => {});
      const figure = await attempt(round, (why) => failed.set(name, [...(failed.get(name) ?? []), why]));
      figures.get(name)?.push(figure);
    }
  }
  const base = figures.get(baseline);
  if (!base) throw new Error(`no subject is called ${baseline}`);
  const titleOf = (name: string): string => (variant ? `${name} ${variant}` : name);
  const rows = subjects.flatMap(({ name, point }): Row[] => {
    const own = figures.get(name) as number[];
    const ratios = own.map((figure, index) => figure / (base[index] as number));
    const [figure, ratio] = [median(own), median(ratios)];
    if (Number.isNaN(ratio)) return [];
    return [
      {
        subject: titleOf(name),
        median: figure,
        ratio: Number(ratio.toFixed(3)),
        ...(point && picture !== undefined && { point: { picture, ...point } }),
      },
    ];
  });
  const failures = [...failed].map(
    ([name, why]) => `${titleOf(name)}: ${why.length} of ${rounds} rounds failed: ${why.at(-1)}`,
  );
  return { rows, failures };
}

/** The figure, or NaN of a round that failed. */
async function attempt(round: () => number | Promise<number>, onFailure: (why: string) => void): Promise<number> {
  try {
    return await round();
  } catch (error) {
    onFailure(error instanceof Error ? error.message : String(error));
    return NaN;
  }
}

/** Of those that are figures; NaN if none is. */
export function median(figures: readonly number[]): number {
  const sorted = figures.filter((figure) => !Number.isNaN(figure)).toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** How often something is done: a hundredth of it where it is enough to see that it works. */
export function counted(full: number, smoke: boolean): number {
  return smoke ? Math.ceil(full / 100) : full;
}

/** Nanoseconds per operation of a loop that does `count` of them. */
export async function timed(count: number, loop: () => Promise<void> | void): Promise<number> {
  const startedAt = process.hrtime.bigint();
  await loop();
  return Number(process.hrtime.bigint() - startedAt) / count;
}

/** Operations per second of `count` operations by `concurrency` callers. */
export async function throughput(
  count: number,
  concurrency: number,
  operation: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) await operation(next++);
  };
  const startedAt = process.hrtime.bigint();
  await Promise.all(Array.from({ length: concurrency }, caller));
  return count / (Number(process.hrtime.bigint() - startedAt) / 1e9);
}

/** Ends the round: a benchmark that answers wrongly measures nothing. */
export function verify(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`wrong result: ${what}`);
}
