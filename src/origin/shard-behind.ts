import type { RemoveOutcome, Revision, Shard, Store } from '../store/store.js';

/** The store with each of its shards behind another. */
export function storeBehind(store: Store, behind: (shard: Shard) => Shard): Store {
  const shards = new Map(store.shards.map((shard) => [shard, behind(shard)]));
  return {
    name: store.name,
    capabilities: store.capabilities,
    shards: [...shards.values()] as [Shard, ...Shard[]],
    shardOf: (storeKey) => shards.get(store.shardOf(storeKey)) as Shard,
    open: () => store.open(),
    close: () => store.close(),
  };
}

type Optional = { [Name in keyof Shard]-?: undefined extends Shard[Name] ? Name : never }[keyof Shard];

const optional = [
  'evicts',
  'stats',
  'keys',
  'draw',
  'watchFeed',
  'watchItem',
  'invalidate',
  'readFeed',
  'writeMany',
  'readNow',
] satisfies Optional[];

/** A shard that asks another one. It has the operations that the other one has, and no more; what it has nothing to do with is passed on. */
export class ShardBehind {
  readonly name: string;
  /** What it lacks is never asked for. */
  protected readonly shard: Required<Shard>;

  constructor(shard: Shard) {
    this.name = shard.name;
    this.shard = shard as Required<Shard>;
    for (const name of optional) if (shard[name] === undefined) this.lack(name);
  }

  protected lack(name: Optional): void {
    Object.defineProperty(this, name, { value: undefined });
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.shard.remove(storeKey, revision);
  }

  increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    return this.shard.increment(storeKey, by, seed, lifeMs);
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.shard.touch(storeKey, lifeMs);
  }

  draw(storeKey: string, atLeast: number, lifeMs: number): Promise<number> {
    return this.shard.draw(storeKey, atLeast, lifeMs);
  }

  evicts(): Promise<boolean> {
    return this.shard.evicts();
  }

  stats(): Promise<Readonly<Record<string, string | number>>> {
    return this.shard.stats();
  }

  keys(prefix: string): AsyncIterable<string> {
    return this.shard.keys(prefix);
  }

  watchFeed(feed: string, wake: () => void, reader?: number): () => void {
    return this.shard.watchFeed(feed, wake, reader);
  }

  watchItem(storeKey: string, wake: () => void): () => void {
    return this.shard.watchItem(storeKey, wake);
  }
}
