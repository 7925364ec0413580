import type { Shard, Store, StoredItem } from '../../store/store.js';

/** A store under test, and what the suite may do to it. */
export interface StoreSubject {
  /** Open and ready. Items of earlier tests may be there: the suite uses keys of its own. */
  readonly store: Store;
  /**
   * Another open store on the same items, as another process has it: atomicity and the feed are tried between the two. An atomic store must give it
   * unless its `reach` is `process`; there it is optional, and one handle is tried with itself by default.
   */
  readonly secondHandle?: () => Promise<Store>;
  /** Moves the store's clock. Default: real time passes. */
  readonly advance?: (milliseconds: number) => void | Promise<void>;
  /** Closes and removes everything. */
  readonly dispose: () => void | Promise<void>;
}

export interface StoreContractOptions {
  /** For the report. */
  readonly name: string;
  /** Called by each test for a store of its own. */
  readonly open: () => Promise<StoreSubject>;
  /** A size that the store refuses. */
  readonly tooLargeBytes: number;
}

/** What one test works with. */
export interface Bench extends StoreSubject {
  /** Keys that no other test uses. */
  readonly key: (name: string) => string;
  /** The shard of a key. */
  readonly shard: (storeKey: string) => Shard;
  /** Reads one key. */
  readonly read: (storeKey: string) => Promise<StoredItem | undefined>;
  readonly passTime: (milliseconds: number) => Promise<void>;
}

let benches = 0;
const ofThisRun = Math.random().toString(36).slice(2, 10);

/** Opens the store, runs the test, and disposes of it whatever happened. */
export function onBench({ open }: StoreContractOptions, test: (bench: Bench) => Promise<void>): () => Promise<void> {
  return async () => {
    const subject = await open();
    const prefix = `contract:${ofThisRun}:${++benches}`;
    const shard = (storeKey: string): Shard => subject.store.shardOf(storeKey);
    try {
      await test({
        ...subject,
        key: (name) => `${prefix}:${name}`,
        shard,
        read: async (storeKey) => (await shard(storeKey).readMany([storeKey]))[0],
        passTime: async (milliseconds) => {
          if (subject.advance) await subject.advance(milliseconds);
          else await new Promise((resolve) => setTimeout(resolve, milliseconds));
        },
      });
    } finally {
      await subject.dispose();
    }
  };
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8');

/** Until removed. */
export const forever = { lifeMs: Infinity } as const;
