import { createHash } from 'node:crypto';
import { maxItemsPerTrip } from '../coherence/shard-invalidations.js';
import type { Acknowledged, Invalidating, InvalidatingKey } from '../coherence/shard-invalidations.js';
import type { Coherence } from '../coherence/coherence.js';
import { followUpName } from '../coherence/invalidated-names.js';
import { lastingPlace, removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import { lastingAdvance } from '../coherence/tag-generations.js';
import type { Shard, StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { lastingText } from '../value/lasting-text.js';

/** What one shard is sent of a call. */
export interface Part {
  readonly shard: Shard;
  readonly items: readonly Invalidating[];
  /** Where the items stand, in their order, if they are of keys. */
  readonly placed?: readonly Placed[];
}

interface Stored {
  /** Of its bytes: whoever takes over its lease writes them again, unchanged. */
  readonly digest: string;
  /** In epoch milliseconds. */
  readonly until: number;
}

interface Name {
  calls: number;
  /** What this process has stored under it last; `undefined` if it was not. */
  later: Promise<Stored | undefined> | undefined;
}

/** Attempts before what is stored again and again meanwhile is removed with the rest. */
const maxTries = 10;

/**
 * Calls that are repeated when the last of their parts has acknowledged, see {@link ShardInvalidations.repeat}. What this process stores meanwhile is later
 * than the call, and stays, unless somebody has built on what the call takes away:
 *
 * 1. A deletes `outer` and `inner`, of which `inner` is not acknowledged; 2. A sets `outer`, which is; 3. B loads `outer` anew, from the old `inner`;
 * 4. `inner` is acknowledged, and the call is repeated: A's value is written again, unchanged, in the place of nothing but itself. If B has stored its own
 * before, that is removed, also where A has changed it since. If it has not, its fill is refused from now on.
 *
 * A call that sets `outer` and `inner`, of which `inner` is not acknowledged, is repeated in the same way: as a deletion, after which `outer` was set.
 */
export class Repetitions {
  private readonly names = new Map<string, Name>();

  constructor(
    private readonly coherence: Coherence,
    private readonly clock: CacheClock,
  ) {}

  /** While the work lasts, what is stored under the names of its call is noted. A call for one name takes one trip, and is not repeated. */
  async during<R>(parts: readonly Part[], work: () => Promise<R>): Promise<R> {
    if (namesOf(parts).length < 2) return work();
    this.begin(parts);
    try {
      return await work();
    } finally {
      this.end(parts);
    }
  }

  private begin(parts: readonly Part[]): void {
    for (const name of namesOf(parts)) {
      const known = this.names.get(name);
      if (known) known.calls++;
      else this.names.set(lastingText(name), { calls: 1, later: undefined });
    }
  }

  private end(parts: readonly Part[]): void {
    for (const name of namesOf(parts)) {
      const known = this.names.get(name);
      if (known && --known.calls === 0) this.names.delete(name);
    }
  }

  /** Whether something is stored, or on its way, that is later than a call. */
  hasLater(item: Invalidating): boolean {
    return this.names.get(item.name)?.later !== undefined;
  }

  /**
   * Sends what may store something.
   * @param from the item in whose place alone it is stored.
   * @param own how many of the calls of {@link during} it belongs to itself.
   * @throws StoreUnavailableError
   */
  send(
    shard: Shard,
    items: readonly Invalidating[],
    at: number,
    { from, own = 0 }: { readonly from?: StoredItem | undefined; readonly own?: number } = {},
  ): Promise<Acknowledged> {
    const sending = this.coherence.feedOf(shard).invalidations.send(items, at);
    if (this.names.size > 0) this.note(items, sending, from, own);
    return sending;
  }

  /** For calls in which several trips had a part. */
  repeatAll(parts: readonly Part[]): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(parts.map((part) => this.repeat(part)));
  }

  /**
   * What was not acknowledged of a call waits in the outbox. Once the last of it is acknowledged, the whole call is repeated:
   *
   * 1. A deletes `outer` and `inner`, on two parts of the store, of which the second does not hear it; 2. B builds `outer` from the old `inner`, and
   * verifies it against feeds that don't know yet; 3. A's removal of `inner` is acknowledged at last: `outer` is removed once more.
   *
   * Of calls that do the same to the same names the newest waits: its repetition is the earlier ones' as well.
   */
  repeatLater(given: readonly Part[], nameAgain: (parts: readonly Part[]) => void): void {
    if (namesOf(given).length < 2) return;
    const parts = given.map(lastingPart);
    const after = namesOf(parts);
    const resend = async (): Promise<void> => {
      const failed = (await this.repeatAll(parts)).find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
      nameAgain(parts);
    };
    const shown = `the end of a call for ${after.length} names`;
    this.begin(parts);
    const ended = (): void => this.end(parts);
    this.coherence.outbox.add({ name: followUpName('call', digestOfCall(parts)), shown, resend, after, ended });
  }

  /** @throws StoreUnavailableError */
  private async repeat({ shard, items }: Part): Promise<void> {
    if (!shard.invalidate) return;
    const at = this.clock.now();
    for (let first = 0; first < items.length; first += maxItemsPerTrip) {
      const turn = items.slice(first, first + maxItemsPerTrip);
      const later: InvalidatingKey[] = [];
      const others: Invalidating[] = [];
      // What is stored from now on is sent after the removals.
      for (const item of turn) {
        if ('storeKey' in item && item.keeps !== true && this.hasLater(item)) later.push(item);
        else others.push(item);
      }
      await Promise.all([
        this.coherence.feedOf(shard).invalidations.repeat(others, at),
        ...later.map((item) => this.keep(shard, item, at)),
      ]);
    }
  }

  /** What was stored when the call that waits was sent, where nothing that is later was noted since. */
  noteStored(items: readonly InvalidatingKey[]): void {
    for (const item of items) {
      const name = this.names.get(item.name);
      if (name && item.write) name.later ??= Promise.resolve(this.storedOf(item.write));
    }
  }

  private storedOf({ bytes, options }: NonNullable<InvalidatingKey['write']>): Stored {
    return { digest: digestOf(bytes), until: this.clock.now() + options.lifeMs };
  }

  /** What was made from another's value is as old as that: it is nothing later. A stub is no value. */
  private note(
    items: readonly Invalidating[],
    sending: Promise<Acknowledged>,
    from: StoredItem | undefined,
    own: number,
  ): void {
    const madeFrom = from && from.bytes.length > 0 ? digestOf(from.bytes) : undefined;
    let writes = 0;
    for (const item of items) {
      const write = 'storeKey' in item ? item.write : undefined;
      if (!write) continue;
      const index = writes++;
      const name = this.names.get(item.name);
      if (!name || name.calls <= own) continue;
      const stored = this.storedOf(write);
      const { later } = name;
      name.later = sending.then(
        async ({ outcomes }) => {
          if (outcomes[index]?.status !== 'stored') return later;
          return madeFrom === undefined || (await later)?.digest === madeFrom ? stored : undefined;
        },
        () => later,
      );
    }
  }

  /** What was stored later stays where it still stands; else the item is removed once more, unless something is stored meanwhile. */
  private async keep(shard: Shard, item: InvalidatingKey, at: number): Promise<void> {
    const sender = this.coherence.feedOf(shard).invalidations;
    for (let tries = 0; tries < maxTries; tries++) {
      const later = this.names.get(item.name)?.later;
      const stored = await later;
      const [found] = stored ? await shard.readMany([item.storeKey]) : [];
      if (stored && found && digestOf(found.bytes) === stored.digest) {
        const lifeMs = Math.max(1, stored.until - this.clock.now());
        const options = { lifeMs, neverShorter: true, only: found.revision };
        const { outcomes } = await sender.send([{ ...item, write: { bytes: found.bytes, options } }], at);
        if (outcomes[0]?.status === 'stored') return;
      } else if (this.names.get(item.name)?.later === later) {
        break;
      }
    }
    await sender.repeat([item], at);
  }
}

/** The same in texts of its own, for what waits. */
function lastingPart({ shard, items, placed }: Part): Part {
  if (!placed) return { shard, items: items.map((item) => ('advance' in item ? lastingAdvance(item) : item)) };
  const lasting = placed.map(lastingPlace);
  return { shard, items: lasting.map((one, index) => ({ ...items[index], ...removalOf(one) })), placed: lasting };
}

/** The same for calls whose repetitions do the same to the same names. */
export function digestOfCall(parts: readonly Part[]): string {
  const acts = parts.flatMap(({ items }) => items.map((item) => `${actOf(item)} ${item.name}`));
  return digestOf(Buffer.from(JSON.stringify(acts.sort())));
}

const actOf = (item: Invalidating): string | number =>
  'advance' in item ? item.advance.by : item.keeps === true ? 'tell' : 'remove';

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function namesOf(parts: readonly Part[]): string[] {
  return parts.flatMap(({ items }) => items.map(({ name }) => name));
}
