/** One contender: how much it took, or how much it did, in one round. */
export interface Subject {
  readonly name: string;
  /** Does the work once and returns the figure, in the benchmark's unit. Throws when a result is wrong. */
  readonly round: () => number | Promise<number>;
}

/** Contenders that do the same work, among them the baseline. */
export interface Comparison {
  /** Such as the concurrency; stands behind each name. Empty when there is one comparison alone. */
  readonly variant: string;
  readonly baseline: string;
  readonly subjects: readonly Subject[];
}

export interface Benchmark {
  readonly name: string;
  /** Of the figures: `ns/op` (less is better) or `op/s` (more is better). */
  readonly unit: string;
  /** What the work is, for the page. */
  readonly work: string;
  /** What ours must reach, for the page. */
  readonly target: string;
  /** What the figures mean for whoever uses the cache, for the page. */
  readonly meaning?: string;
  /** What a reader should know of the figures, for the page. */
  readonly remark?: string;
  /** Figures of one round are taken in this many rounds, interleaved. At least 5. */
  readonly rounds?: number;
  /** @param smoke is it enough to see that it works? Then counts are cut by `counted`. */
  prepare(smoke: boolean): Promise<{ readonly comparisons: readonly Comparison[]; readonly close?: () => unknown }>;
}

export interface Row {
  readonly subject: string;
  readonly median: number;
  /** Median of the rounds' ratios to the baseline's figure of the same round. */
  readonly ratio: number;
}

export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly baseline: string;
  readonly rows: readonly Row[];
}

/**
 * Runs each contender of each comparison once to warm up, then those of a comparison in turn, round by round, so that a machine that slows down
 * slows all of them.
 */
export async function runBenchmark(
  benchmark: Benchmark,
  progress: (text: string) => void,
  smoke = false,
  short = false,
): Promise<Result> {
  const { comparisons, close } = await benchmark.prepare(smoke);
  const rounds = smoke ? 1 : short ? 3 : (benchmark.rounds ?? 7);
  const rows: Row[] = [];
  try {
    const contenders = smoke ? [] : comparisons.flatMap(({ subjects }) => subjects);
    for (const { name, round } of contenders) {
      progress(`warming up ${name}`);
      await round();
    }
    for (const comparison of comparisons) rows.push(...(await compare(comparison, rounds, progress)));
  } finally {
    await close?.();
  }
  return { name: benchmark.name, unit: benchmark.unit, baseline: comparisons[0]?.baseline ?? '', rows };
}

async function compare(
  { variant, baseline, subjects }: Comparison,
  rounds: number,
  progress: (text: string) => void,
): Promise<Row[]> {
  const figures = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let done = 0; done < rounds; done++) {
    progress(`${variant} round ${done + 1} of ${rounds}`.trim());
    // Every other round in the other direction: nobody always comes after the same one.
    for (const { name, round } of done % 2 === 0 ? subjects : subjects.toReversed()) {
      globalThis.gc?.();
      figures.get(name)?.push(await round());
    }
  }
  const base = figures.get(baseline);
  if (!base) throw new Error(`no subject is called ${baseline}`);
  return subjects.map(({ name }) => {
    const own = figures.get(name) as number[];
    const ratios = own.map((figure, index) => figure / (base[index] as number));
    return {
      subject: variant ? `${name} ${variant}` : name,
      median: median(own),
      ratio: Number(median(ratios).toFixed(3)),
    };
  });
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
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

/** Ends the run: a benchmark that answers wrongly measures nothing. */
export function verify(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`wrong result: ${what}`);
}
