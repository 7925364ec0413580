/** `memcached 3, load 2` as `X-Cache` has it, and `process` alone, which is one. */
const part = /([a-z][a-z ]*[a-z])(?: (\d+))?/g;

/** What the answers of a demonstration say about the tiers. */
export class DemoStatistics {
  private requests = 0;
  private readonly statuses = new Map<number, number>();
  private readonly lookUps = new Map<string, number>();
  /** Durations of single content requests that one source answered alone. */
  private readonly durationsMs = new Map<string, number[]>();

  note(status: number, sources: string, durationMs: number, isRedemption: boolean): void {
    this.requests++;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const counted = [...sources.matchAll(part)].map(([, source = '', count = '1']) => [source, Number(count)] as const);
    for (const [source, count] of counted) this.lookUps.set(source, (this.lookUps.get(source) ?? 0) + count);
    const [only] = counted;
    if (isRedemption || counted.length !== 1 || only?.[1] !== 1) return;
    const durations = this.durationsMs.get(only[0]) ?? [];
    if (durations.length === 0) this.durationsMs.set(only[0], durations);
    durations.push(durationMs);
  }

  printProgress(elapsedMs: number, runMs: number, isLast = false): void {
    const filled = Math.min(30, Math.round((30 * elapsedMs) / runMs));
    const bar = '█'.repeat(filled) + '░'.repeat(30 - filled);
    const line = `${bar} ${(elapsedMs / 1_000).toFixed(0).padStart(2)} s  ${this.requests} requests`;
    if (process.stdout.isTTY) process.stdout.write(`\r${line}`);
    else if (isLast) console.log(line);
    if (isLast && process.stdout.isTTY) process.stdout.write('\n');
  }

  summary(elapsedMs: number, workers: number, upstreamRequests: number): string {
    const total = [...this.lookUps].reduce((sum, [source, count]) => (source === 'lock' ? sum : sum + count), 0);
    const loads = this.lookUps.get('load') ?? 0;
    const loadMs = median(this.durationsMs.get('load') ?? []);
    let savedMs = 0;
    const rows = [...this.lookUps]
      .filter(([source]) => source !== 'lock')
      .sort(([, one], [, other]) => other - one)
      .map(([source, count]) => {
        const tookMs = median(this.durationsMs.get(source) ?? []);
        const isHit = source !== 'load' && source !== 'joined load';
        if (isHit && loadMs !== undefined) savedMs += count * Math.max(0, loadMs - (tookMs ?? 0));
        const share = `${((100 * count) / total).toFixed(1)} %`;
        return `  ${source.padEnd(12)} ${`${count}`.padStart(8)} ${share.padStart(8)}   ${took(tookMs).padStart(9)}`;
      });
    const statuses = [...this.statuses].map(([status, count]) => `${count} × ${status}`).join(', ');
    return [
      '',
      `${this.requests} requests in ${(elapsedMs / 1_000).toFixed(1)} s on ${workers} ${workers === 1 ? 'worker' : 'workers'} (${statuses})`,
      '',
      `  answered by   look-ups    share   per request (median)`,
      ...rows,
      '',
      `${loads} loads, ${upstreamRequests} requests to the catalog, for ${total} look-ups.`,
      `Time saved: ${(savedMs / 1_000).toFixed(1)} s of waiting for the catalog.`,
    ].join('\n');
  }
}

function took(ms: number | undefined): string {
  return ms === undefined ? '' : `${ms.toFixed(1)} ms`;
}

function median(numbers: readonly number[]): number | undefined {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1];
}
