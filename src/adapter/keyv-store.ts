import { types } from 'node:util';
import type { Shard, Store, StoreCapabilities } from '../store/store.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { isKeyv, KeyvShard } from './keyv-shard.js';
import type { KeyvLike } from './keyv-shard.js';

export interface KeyvStoreOptions {
  /** Who sees what is written: a Keyv does not tell. Default `process`. */
  readonly reach?: StoreCapabilities['reach'];
  /** Entries outlive the process. Default false. */
  readonly durable?: boolean;
  /** The name of the tier, in lower-case ASCII. Default `keyv`. */
  readonly name?: string;
  /** Bytes of the largest item; they take a third more in the Keyv, as base64. Default 1 MiB. */
  readonly maxItemBytes?: number;
}

/**
 * Any Keyv, or storage adapter of Keyv, as the store below the process tier.
 *
 * What Keyv can't do, this can't: nothing is atomic between processes (`capabilities.atomic` is false), so there are no locks, no `update`, no
 * `setIfAbsent`, no lives that slide with use, and no fill leases: a late fill can undo an invalidation of another process, each process
 * loads for itself, and near copies elsewhere learn of no invalidation and no clearing: they live out their time. Give short lives, or
 * `process: false`. Redis, memcached, the disk store and the memory store can do all of that: for Redis use `redisStore`, which needs no package.
 *
 * A Keyv and its adapter are told to throw their errors from now on: swallowed, an outage would look like an acknowledged write. An adapter that
 * swallows them and has no switch (`throwOnErrors`, `throwErrors`) acknowledges writes that its server refused; a delete is checked. Keys get up
 * to 250 bytes long, and the Keyv's own prefix in front. The Keyv's own `ttl` does not apply.
 *
 * @throws InvalidOptionError for what is no Keyv, a Keyv before 5.4 or from 6 on (which swallow their errors), a storage adapter for keyv 6, a
 * bare Map (which keeps no lives), and options out of range.
 * @example TieredCacheModule.forRoot({ stores: keyvStore(keyv, { reach: 'fleet', durable: true }) })
 */
export function keyvStore(keyv: KeyvLike, options: KeyvStoreOptions = {}): Store {
  known.check(options);
  const { reach = 'process', name = 'keyv', maxItemBytes = 2 ** 20 } = options;
  assertUsable(keyv);
  if (!['process', 'host', 'fleet'].includes(reach)) {
    throw new InvalidOptionError('reach', `'${String(reach)}' is none`, "Give 'process', 'host' or 'fleet'.");
  }
  if (!/^[a-z][a-z\d-]{0,30}$/.test(name)) {
    throw new InvalidOptionError('name', 'it names no tier', 'Give up to 31 lower-case letters, digits and dashes.');
  }
  if (!Number.isSafeInteger(maxItemBytes) || maxItemBytes < 1_024) {
    throw new InvalidOptionError('maxItemBytes', `${maxItemBytes} is out of range`, 'Give an integer of 1024 or more.');
  }
  return new KeyvStore(keyv, { reach, name, maxItemBytes, durable: options.durable ?? false });
}

const known = KnownOptions.of<KeyvStoreOptions>('keyvStore()', {
  reach: true,
  durable: true,
  name: true,
  maxItemBytes: true,
});

function assertUsable(keyv: KeyvLike): void {
  if (types.isMap(keyv)) {
    throw new InvalidOptionError('keyv', 'a Map ends no lives', 'Give new Keyv(), or use memoryStore().');
  }
  const isStorage = (['get', 'set', 'delete'] as const).every((name) => typeof keyv?.[name] === 'function');
  if (!isStorage) {
    throw new InvalidOptionError('keyv', 'it has no get, set and delete', 'Give a Keyv or a storage adapter of one.');
  }
  if (isKeyv(keyv) && !('throwOnErrors' in keyv)) {
    const problem = 'this Keyv swallows its errors, and an outage would look like an acknowledged write';
    throw new InvalidOptionError('keyv', problem, 'Use version 5.4 of keyv, or a later 5.');
  }
  if (keyv.capabilities?.expires === true) {
    const problem = 'this storage adapter of keyv 6 reads the length of a life as its end, and would keep nothing';
    throw new InvalidOptionError('keyv', problem, 'Use the version of the adapter for keyv 5.');
  }
}

class KeyvStore implements Store {
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly shards: readonly [KeyvShard];

  constructor(
    private readonly keyv: KeyvLike,
    { reach, durable, name, maxItemBytes }: Required<KeyvStoreOptions>,
  ) {
    this.name = name;
    this.capabilities = { reach, atomic: false, durable, touch: false, clockResolutionMs: 1, keepsDeadlines: false };
    this.shards = [new KeyvShard(keyv, name, maxItemBytes)];
    throwErrors(keyv);
    throwErrors(keyv.store);
    keyv.on?.('error', ignored); // an event without a listener would end the process; the operation rejects too
  }

  shardOf(): Shard {
    return this.shards[0];
  }

  async open(): Promise<void> {
    this.shards[0].closed = false;
  }

  async close(): Promise<void> {
    if (this.shards[0].closed) return;
    this.shards[0].closed = true;
    await this.keyv.disconnect?.();
  }
}

/** A Keyv and the adapter below it have a switch each. Adapters for Redis before version 5 call theirs `throwErrors`. */
function throwErrors(storage: unknown): void {
  if (typeof storage !== 'object' || storage === null) return;
  for (const name of ['throwOnErrors', 'throwErrors']) if (name in storage) Reflect.set(storage, name, true);
}

function ignored(): void {}
