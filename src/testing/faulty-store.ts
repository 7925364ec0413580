import { StoreUnavailableError } from '../value/errors.js';
import type { FeedReading } from '../store/feed.js';
import type {
  RemoveOutcome,
  Revision,
  Shard,
  Store,
  StoreCapabilities,
  StoredItem,
  WriteOptions,
  WriteOutcome,
} from '../store/store.js';

/**
 * `throws`: operations reject with StoreUnavailableError and do nothing. `hangs`: they do nothing and don't settle until the fault ends.
 * `loses`: writes arrive, and their replies are lost. `corrupts`: what is read has one bit turned over.
 */
export type StoreFault = 'throws' | 'hangs' | 'loses' | 'corrupts';
export type StoreOperation =
  'readMany' | 'readOrStub' | 'write' | 'remove' | 'increment' | 'touch' | 'invalidate' | 'readFeed';

const reads: readonly StoreOperation[] = ['readMany', 'readOrStub', 'readFeed'];

interface FaultInForce {
  readonly fault: StoreFault;
  readonly operations: readonly StoreOperation[];
  /** What hangs by it: each rejects one call. */
  readonly hung: (() => void)[];
}

/**
 * A store that fails when told to. A test of an application learns with it that no outage of the store reaches its users.
 *
 * @example
 * const store = faultyStore(memoryStore());
 * await store.during('throws', async () => expect(await courses.find('a')).toBeDefined());
 */
export function faultyStore(store: Store): FaultyStore {
  return new FaultyStore(store);
}

export class FaultyStore implements Store {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly shards: readonly [Shard, ...Shard[]];
  /** The last one that concerns an operation counts. */
  private faults: FaultInForce[] = [];
  private readonly ofShards: ReadonlyMap<Shard, Shard>;
  private readonly counts = new Map<StoreOperation, number>();

  constructor(private readonly store: Store) {
    this.name = store.name;
    // A store that hangs keeps no deadline: whoever uses it has to watch the clock.
    this.capabilities = { ...store.capabilities, keepsDeadlines: false };
    this.ofShards = new Map(store.shards.map((shard) => [shard, new FaultyShard(shard, this)]));
    this.shards = [...this.ofShards.values()] as [Shard, ...Shard[]];
  }

  shardOf(storeKey: string): Shard {
    return this.ofShards.get(this.store.shardOf(storeKey)) as Shard;
  }

  open(): Promise<void> {
    return this.store.open();
  }

  async close(): Promise<void> {
    this.heal();
    await this.store.close();
  }

  /** From now on these operations fail, all by default, until {@link heal}. */
  fail(fault: StoreFault, operations: readonly StoreOperation[] = allOperations): void {
    this.begin(fault, operations);
  }

  /** Works again. What hung rejects now. */
  heal(): void {
    for (const fault of [...this.faults]) this.end(fault);
  }

  /** Fails while the work runs. Then what hung by it rejects, and whatever was to fail besides fails on. */
  async during<R>(
    fault: StoreFault,
    work: () => Promise<R>,
    operations: readonly StoreOperation[] = allOperations,
  ): Promise<R> {
    const own = this.begin(fault, operations);
    try {
      return await work();
    } finally {
      this.end(own);
    }
  }

  /** How often an operation was asked for, whatever came of it. */
  calls(operation: StoreOperation): number {
    return this.counts.get(operation) ?? 0;
  }

  /** @internal */
  async perform<R>(shard: Shard, operation: StoreOperation, run: () => Promise<R>): Promise<R> {
    this.counts.set(operation, this.calls(operation) + 1);
    const inForce = this.faults.filter(({ operations }) => operations.includes(operation)).at(-1);
    const fault = inForce?.fault;
    const unavailable = new StoreUnavailableError(shard.name, 'it was told to fail');
    if (fault === 'throws') throw unavailable;
    if (fault === 'hangs') return new Promise((_resolve, reject) => inForce?.hung.push(() => reject(unavailable)));
    const result = await run();
    if (fault === 'loses') throw unavailable;
    return fault === 'corrupts' && reads.includes(operation) ? (corrupted(result as Read | FeedReading) as R) : result;
  }

  private begin(fault: StoreFault, operations: readonly StoreOperation[]): FaultInForce {
    const begun = { fault, operations, hung: [] };
    this.faults.push(begun);
    return begun;
  }

  private end(ended: FaultInForce): void {
    this.faults = this.faults.filter((fault) => fault !== ended);
    for (const reject of ended.hung.splice(0)) reject();
  }
}

const allOperations: readonly StoreOperation[] = [...reads, 'write', 'remove', 'increment', 'touch', 'invalidate'];

class FaultyShard implements Shard {
  readonly name: string;
  readonly evicts: Shard['evicts'] & {};
  readonly stats: Shard['stats'] & {};
  readonly invalidate?: Shard['invalidate'] & {};
  readonly readFeed?: Shard['readFeed'] & {};
  readonly draw?: Shard['draw'] & {};

  constructor(
    private readonly shard: Shard,
    private readonly owner: FaultyStore,
  ) {
    this.name = shard.name;
    this.evicts = async () => (await shard.evicts?.()) ?? false;
    this.stats = async () => (await shard.stats?.()) ?? {};
    const draw = shard.draw?.bind(shard);
    if (draw) {
      this.draw = (storeKey, atLeast, lifeMs) => this.perform('increment', () => draw(storeKey, atLeast, lifeMs));
    }
    if (!hasFeed(shard)) return;
    this.invalidate = (given) => this.perform('invalidate', () => shard.invalidate(given));
    this.readFeed = (question) => this.perform('readFeed', () => shard.readFeed(question));
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.perform('readMany', () => this.shard.readMany(storeKeys));
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    return this.perform('readOrStub', () => this.shard.readOrStub(storeKeys, stubMs));
  }

  write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    return this.perform('write', () => this.shard.write(storeKey, bytes, options));
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.perform('remove', () => this.shard.remove(storeKey, revision));
  }

  increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    return this.perform('increment', () => this.shard.increment(storeKey, by, seed, lifeMs));
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.perform('touch', () => this.shard.touch(storeKey, lifeMs));
  }

  private perform<R>(operation: StoreOperation, run: () => Promise<R>): Promise<R> {
    return this.owner.perform(this.shard, operation, run);
  }
}

type WithFeed = Shard & Required<Pick<Shard, 'invalidate' | 'readFeed'>>;
const hasFeed = (shard: Shard): shard is WithFeed => 'invalidate' in shard;

type Read = readonly (StoredItem | undefined)[];

function corrupted(read: Read | FeedReading): Read | FeedReading {
  if (!('records' in read)) return read.map((item) => item && { ...item, bytes: withOneBitTurned(item.bytes) });
  return { ...read, records: read.records.map(withOneBitTurned) };
}

function withOneBitTurned(given: Buffer): Buffer {
  if (given.length === 0) return given;
  const bytes = Buffer.from(given);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 1;
  return bytes;
}
