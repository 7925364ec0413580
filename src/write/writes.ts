import type { Coherence } from '../coherence/coherence.js';
import { tagIn } from '../coherence/invalidated-names.js';
import { removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import type { InvalidatingKey } from '../coherence/shard-invalidations.js';
import { isExpiry } from '../coherence/tag-generations.js';
import type { Key } from '../key/key.js';
import type { Invalidations } from '../near/invalidations.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import { byShard } from '../store/placement.js';
import type { Shard, WriteOutcome } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError, ValueTooLargeError } from '../value/errors.js';
import { reportFault, tellInvalidatedAfter } from '../value/events.js';
import type { Prepared, PreparedEntries, Write } from './prepared-entries.js';
import type { Part, Repetitions } from './repetitions.js';
import type { SentWrites, StoredWrites } from './stored-writes.js';

/** What became of the part of a `set` that one shard was sent. */
interface SetOutcome {
  /** Why the store does not hold what was set. */
  readonly error?: StoreUnavailableError | ValueTooLargeError | undefined;
  /** See `Acknowledged`. */
  readonly atOnce: boolean;
  /** What the store holds now. */
  readonly stored: readonly Prepared[];
}

/** What of a `set` goes to one shard; and what lets the outbox send the same names again. */
type Group = readonly [shard: Shard, prepared: readonly Prepared[], release: () => void];

interface SetCall {
  readonly groups: readonly Group[];
  /** See {@link Outbox.ticket}. */
  readonly ticket: number;
  /** See {@link Repetitions.send}. */
  readonly own: number;
}

/**
 * What callers write and invalidate. The order is always the same: near copies here, the store and its feed, near copies here once more. The
 * second naming is for a read of this process that began after the first and still saw the store's old value.
 */
export class Writes {
  constructor(
    readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly invalidations: Invalidations,
    private readonly repetitions: Repetitions,
    private readonly entries: PreparedEntries,
    private readonly stored: StoredWrites,
    private readonly clock: CacheClock,
  ) {}

  /** All values are encoded before the first is written. True: every shard acknowledged all of its keys. */
  async set<V>(writes: readonly Write<V>[], confirm: boolean): Promise<boolean> {
    const ticket = this.coherence.outbox.ticket();
    const beginning = this.entries.prepare(writes, (prepared) => this.begin(prepared, ticket));
    const call = beginning instanceof Promise ? await beginning : beginning;
    const set = (): Promise<SetOutcome['error']> => this.setOnShards(call);
    // What this process sets meanwhile is later, and is known to be.
    const error = await (call.own > 0 ? this.repetitions.during(call.groups.map(partOf), set) : set());
    if (error && confirm) throw error;
    return error === undefined;
  }

  /** Resolves when nothing of the same names is on its way from the outbox. */
  private begin(prepared: readonly Prepared[], ticket: number): SetCall | Promise<SetCall> {
    // Before the first is named: the names of the call itself say nothing of its tags, and may be more than are remembered.
    const standing = prepared.filter(({ copy }) => !this.near.tagNamedSince(copy.tags, copy.mark));
    for (const { key } of prepared) this.near.name(key);
    const { position } = this.coherence.names;
    for (const { copy } of standing) copy.markedAt(position);
    // At once: a later call may end before the store answers this one.
    const unplaced = prepared.filter((one) => !one.placed);
    if (!this.coherence.hasClearedSince(ticket)) this.keepNear(unplaced, position);
    const placed = prepared.filter((one) => one.placed !== undefined);
    const { outbox } = this.coherence;
    const underWay: Promise<unknown>[] = [];
    const groups = [...byShard(placed, (one) => (one.placed as Placed).shard)].map(([shard, group]): Group => {
      const { sent, release } = outbox.hold(group.map((one) => (one.placed as Placed).name));
      if (sent) underWay.push(sent);
      return [shard, group, release];
    });
    const call = { groups, ticket, own: groups.length > 1 ? 1 : 0 };
    return underWay.length > 0 ? Promise.all(underWay).then(() => call) : call;
  }

  private async setOnShards(call: SetCall): Promise<SetOutcome['error']> {
    const { groups, ticket } = call;
    const outcomes = await Promise.all(
      groups.map(([shard, group, release]) => this.sendSets(shard, group, call).finally(release)),
    );
    const errors = outcomes.flatMap((outcome) => outcome.error ?? []);
    // What was not acknowledged is to be repeated, whatever else the store has refused.
    let error = errors.find((one) => one instanceof StoreUnavailableError) ?? errors[0];
    const inSeveral = groups.length > 1 || outcomes.some(({ atOnce }) => !atOnce);
    if (inSeveral && this.isToRepeat(ticket)) error = (await this.repeatSets(groups, ticket)) ?? error;
    if (error instanceof StoreUnavailableError) this.repeatSetsLater(groups, outcomes);
    return error;
  }

  /** @throws InvalidKeyError for one that is too long, before anything is done. */
  async delete(keys: readonly Key[], confirm: boolean): Promise<boolean> {
    return tellInvalidatedAfter(this.cache, 'key', keys.map(String), () => this.remove(keys, confirm));
  }

  /** Near tiers, store, feed. True: every shard acknowledged all of its keys. */
  async remove(keys: readonly Key[], confirm: boolean): Promise<boolean> {
    const nameAll = this.naming(keys);
    nameAll();
    const waiting = this.entries.behind(keys);
    if (waiting) await waiting;
    const placed = keys.map((key) => this.coherence.place(key)).filter((one) => one !== undefined);
    const parts = [...byShard(placed, ({ shard }) => shard)].map(([shard, group]) => ({
      shard,
      items: group.map(removalOf),
      placed: group,
    }));
    return this.send(parts, confirm, nameAll);
  }

  /** Every entry that was loaded with one of these tags. True: acknowledged; false: sent again until it is. */
  async advanceTags(tags: readonly string[], how: 'invalidate' | 'expire', confirm: boolean): Promise<boolean> {
    return tellInvalidatedAfter(this.cache, 'tag', tags, () => this.advance([...new Set(tags)], how, confirm));
  }

  private async advance(tags: readonly string[], how: 'invalidate' | 'expire', confirm: boolean): Promise<boolean> {
    const nameAll = (): void => tags.forEach((tag) => this.near.nameTag(tag, 'local'));
    nameAll();
    const generations = this.coherence.tags;
    if (!generations) return true;
    const parts = [...byShard(tags, (tag) => generations.shardOf(tag))].map(([shard, group]) => ({
      shard,
      items: group.map((tag) => generations.advance(tag, how)),
    }));
    return this.send(parts, confirm, nameAll);
  }

  /**
   * After the store took them, if it is to have them: the process goes on with these values. Not with one whose key was written by somebody else meanwhile,
   * whose value may be the later one, nor where one of its tags was invalidated since its generation was asked for. What the request makes of it is not kept then.
   */
  keepNear(group: readonly Prepared[], position: number): void {
    for (const { key, policy, copy, isForRequest, overtaken } of this.judge(group, position)) {
      this.near.name(key);
      if (overtaken) {
        this.near.noteForRequest(key, copy);
        continue;
      }
      const anew = copy.markedAt(this.coherence.names.position);
      if (!isForRequest) this.near.keep(key, anew, policy);
      this.near.keepForRequest(key, anew);
    }
  }

  /** All of them before the first is named: each name that is kept near is one more. */
  private judge(group: readonly Prepared[], position: number): (Prepared & { readonly overtaken: boolean })[] {
    return group.map((one) => ({ ...one, overtaken: this.isOvertaken(one.key, one.copy, position) }));
  }

  private isOvertaken(key: Key, copy: NearCopy, position: number): boolean {
    return this.near.namedSince(key, [], position) || this.near.tagNamedSince(copy.tags, copy.mark);
  }

  private naming(keys: readonly Key[]): () => void {
    return () => keys.forEach((key) => this.near.name(key));
  }

  /** What a call has named, once more: keys where they stand, or tags. */
  private readonly nameParts = (parts: readonly Part[]): void => {
    for (const { items, placed } of parts) {
      if (placed) for (const { key } of placed) this.near.name(key);
      else for (const { name } of items) this.near.nameTag(tagIn(name), 'local');
    }
  };

  private async sendSets(shard: Shard, group: readonly Prepared[], { ticket, own }: SetCall): Promise<SetOutcome> {
    const { position } = this.coherence.names;
    let sent: SentWrites;
    try {
      sent = await this.stored.send(shard, group, ticket, own);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      // Whether the store took it is unknown. What it holds must not come back: it is removed as soon as the store can be reached.
      for (const { key, placed, copy, overtaken } of this.judge(group, position)) {
        this.invalidations.sendLater(placed as Placed, { mayStillArrive: true, ticket });
        if (overtaken) this.near.noteForRequest(key, copy);
        else this.near.keepForRequest(key, copy);
      }
      return { error, atOnce: true, stored: [] };
    }
    const [stored, standing]: [Prepared[], Prepared[]] = [[], []];
    let error: ValueTooLargeError | undefined;
    for (const { prepared: one, outcome } of sent.writes) {
      this.coherence.outbox.settle((one.placed as Placed).name, ticket);
      // What has replaced it came later.
      if (outcome?.status === 'changed' || this.coherence.hasClearedSince(ticket)) continue;
      const refusal = outcome && this.refusalOf(one, outcome);
      if (refusal) error = refusal;
      else if (outcome) stored.push(one);
      standing.push(one);
    }
    this.keepNear(standing, position);
    return { error, atOnce: sent.atOnce, stored };
  }

  /** What the store does not take is gone from it all the same: what it held before is not what was set. */
  private refusalOf({ key, sealed }: Prepared, outcome: WriteOutcome): ValueTooLargeError | undefined {
    if (outcome.status !== 'too-large') return undefined;
    const refusal = new ValueTooLargeError(key.text, sealed?.length ?? 0, outcome.maxBytes);
    reportFault({ source: this.cache, kind: 'too-large', message: refusal.message, key: key.text });
    return refusal;
  }

  private send(parts: readonly Part[], confirm: boolean, nameAgain: () => void): Promise<boolean> {
    return this.repetitions.during(parts, () => this.sendParts(parts, confirm, nameAgain));
  }

  /** Sends removals and advances. What is not acknowledged waits in the outbox. */
  private async sendParts(parts: readonly Part[], confirm: boolean, nameAgain: () => void): Promise<boolean> {
    const at = this.clock.now();
    const ticket = this.coherence.outbox.ticket();
    const outcomes = await Promise.allSettled(
      parts.map(({ shard, items }) => this.invalidations.send(shard, items, at)),
    );
    const inSeveral = parts.length > 1 || outcomes.some((one) => one.status === 'fulfilled' && !one.value.atOnce);
    // A reading that began before a key's removal may have kept its old value near since: nothing is to be built on that behind a repetition.
    if (inSeveral) nameAgain();
    const repeated = inSeveral && this.isToRepeat(ticket) ? await this.repetitions.repeatAll(parts) : [];
    const failed = [...outcomes, ...repeated].find((outcome) => outcome.status === 'rejected');
    for (const [index, part] of parts.entries()) {
      const isSent = outcomes[index]?.status === 'fulfilled';
      this.settle(part, ticket, isSent, isSent && repeated[index]?.status !== 'rejected');
    }
    nameAgain();
    if (!failed) return true;
    if (!(failed.reason instanceof StoreUnavailableError)) throw failed.reason;
    this.repetitions.repeatLater(parts, this.nameParts);
    if (confirm) throw failed.reason;
    return false;
  }

  /** Not what this process has cleared meanwhile: what somebody has built on it is void, and what stands by now was stored later. */
  private isToRepeat(ticket: number): boolean {
    return !this.coherence.hasAcknowledgedClearSince(ticket);
  }

  /** An error: what other versions hold may still be there. It is removed as soon as the store can be reached, and what was set with it. */
  private async repeatSets(groups: readonly Group[], ticket: number): Promise<StoreUnavailableError | undefined> {
    const parts = groups.map(([shard, group]) => ({ shard, items: group.map(toldOf) }));
    const repeated = await this.repetitions.repeatAll(parts);
    for (const [index, [, group]] of groups.entries()) {
      if (repeated[index]?.status === 'rejected')
        for (const { placed } of group) this.invalidations.sendLater(placed as Placed, { ticket });
    }
    const failed = repeated.find((outcome) => outcome.status === 'rejected');
    if (failed && !(failed.reason instanceof StoreUnavailableError)) throw failed.reason;
    return failed?.reason as StoreUnavailableError | undefined;
  }

  /**
   * As a call that deletes what it was to set, and has set later what was stored: that stays, unless somebody has built on what the call takes away. Its
   * bytes don't wait.
   */
  private repeatSetsLater(groups: readonly Group[], outcomes: readonly SetOutcome[]): void {
    this.repetitions.repeatLater(groups.map(partOf), this.nameParts);
    const stored = outcomes.flatMap((outcome) => outcome.stored);
    this.repetitions.noteStored(stored.map((one) => this.stored.itemOf(one)));
  }

  /**
   * What was sent, and is to be repeated, takes nothing away that was stored later.
   *
   * 1. `invalidateTags(t)` is refused, and waits; 2. `expireTags(t)` is acknowledged: it takes less away, and the invalidation waits on.
   */
  private settle({ shard, items, placed }: Part, ticket: number, isSent: boolean, isAcknowledged: boolean): void {
    for (const [index, item] of items.entries()) {
      if (isAcknowledged && isExpiry(item)) continue;
      if (isAcknowledged) this.coherence.outbox.settle(item.name, ticket);
      else if (isSent && this.repetitions.hasLater(item)) continue;
      else if (placed) this.invalidations.sendLater(placed[index] as Placed, { ticket });
      else if ('advance' in item) this.invalidations.advanceLater(shard, item, ticket);
    }
  }
}

/** What is told once more of a `set`. */
function toldOf({ placed, sealed }: Prepared): InvalidatingKey {
  return { ...removalOf(placed as Placed), keeps: sealed !== undefined };
}

/** As what is to go: so it is repeated where the `set` has failed. */
function partOf([shard, group]: Group): Part {
  const placed = group.map((one) => one.placed as Placed);
  return { shard, items: placed.map(removalOf), placed };
}
