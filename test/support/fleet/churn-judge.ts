/** What a journal of `churn` says of the reads in it. Nothing in here knows a cache. */
export interface ChurnVerdict {
  readonly reads: number;
  /** Reads that were older than the bound allows, and told so. */
  readonly tooOld: string[];
  /**
   * Reads of a member that were older than what it had read, or had had acknowledged, before. Where the newer was not acknowledged yet, the store may have held the older one: a member that read it
   * then may read it again until the bound is over.
   */
  readonly wentBack: string[];
  /** The age of the oldest answer: how long before the read began a newer version was acknowledged. */
  readonly oldestMs: number;
}

export interface ChurnBounds {
  /** `coherence.interval` and a round trip. */
  readonly boundMs: number;
  /** Added where the store could not be reached at some instant of the time that the bound covers. */
  readonly blindForMs: number;
}

interface Read {
  readonly member: number;
  readonly row: number;
  readonly version: number;
  readonly began: number;
  readonly ended: number;
}

export function judgeChurn(journal: string, { boundMs, blindForMs }: ChurnBounds): ChurnVerdict {
  const lines = journal.split('\n').filter(Boolean);
  const fields = lines.map((line) => [line[0], ...line.slice(2).split(' ').map(Number)] as [string, ...number[]]);
  const of = (kind: string): number[][] =>
    fields.filter(([first]) => first === kind).map((all) => all.slice(1) as number[]);
  const reads = of('R').map(([member, row, version, began, ended]) => ({ member, row, version, began, ended }) as Read);
  const faults = of('F') as [number, number][];
  const acknowledged = new Map<number, { member: number; version: number; at: number }[]>();
  for (const [member, row, version, at] of of('W') as [number, number, number, number][]) {
    acknowledged.set(row, [...(acknowledged.get(row) ?? []), { member, version, at }]);
  }

  const tooOld: string[] = [];
  const wentBack: string[] = [];
  let oldestMs = 0;
  const newestSeen = new Map<string, { version: number; ended: number }[]>();
  const readBeforeKnown = new Map<string, number>();
  for (const read of reads.sort((a, b) => a.began - b.began)) {
    const { member, row, version, began } = read;
    const writes = acknowledged.get(row) ?? [];
    const missed = writes.filter((write) => write.version > version && write.at < began);
    const ageMs = Math.max(0, ...missed.map(({ at }) => began - at));
    oldestMs = Math.max(oldestMs, ageMs);
    const reach = began - boundMs - blindForMs - 1_000;
    const blind = faults.some(([who, at]) => who === member && at >= reach && at <= read.ended);
    if (ageMs > boundMs + (blind ? blindForMs : 0)) tooOld.push(`${describe(read)}: ${ageMs} ms old`);
    if (missed.some((write) => write.member === member)) wentBack.push(`${describe(read)}: behind its own write`);

    const name = `${member} ${row}`;
    const seen = newestSeen.get(name) ?? [];
    const before = Math.max(0, ...seen.filter(({ ended }) => ended < began).map((one) => one.version));
    const known = writes.find((write) => write.version >= before && write.at < began);
    if (version < before && !known) readBeforeKnown.set(name, version);
    if (version < before && known && readBeforeKnown.get(name) !== version)
      wentBack.push(`${describe(read)}: had read ${before}, acknowledged at ${known.at}`);
    seen.push({ version, ended: read.ended });
    newestSeen.set(name, seen.filter((one) => one.version >= before).slice(-50));
  }
  return { reads: reads.length, tooOld, wentBack, oldestMs };
}

function describe({ member, row, version, began, ended }: Read): string {
  return `P${member} read row ${row} version ${version} at ${began} to ${ended}`;
}
