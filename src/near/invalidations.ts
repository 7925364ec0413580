import { followUpName, tagIn } from '../coherence/invalidated-names.js';
import { lastingPlace, removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import type { Acknowledged, Invalidating, InvalidatingTag } from '../coherence/shard-invalidations.js';
import { asInvalidation, lastingAdvance } from '../coherence/tag-generations.js';
import type { Shard } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { shownName } from '../value/safe-text.js';
import { unlessAway } from '../value/unless-away.js';
import type { NearTiers } from './near-tiers.js';

/** What is done about a key that is no longer true. */
export interface Remedy {
  /** Other processes are told, and what the store holds stays: it may be newer than what they know. */
  readonly keeps?: boolean;
  /** Bytes that were sent before may arrive after it. */
  readonly mayStillArrive?: boolean;
  /** Of the call that it is left of, see {@link Outbox.ticket}. */
  readonly ticket?: number;
}

/** Sends what is no longer true to the store and to all processes, and sends again what was not acknowledged. */
export class Invalidations {
  constructor(
    private readonly near: NearTiers,
    private readonly clock: CacheClock,
  ) {}

  /**
   * Resolves when all of it stands in the store and in the feed.
   * @param at when the caller began, for measuring.
   * @throws StoreUnavailableError: it may have happened in part.
   */
  async send(shard: Shard, items: readonly Invalidating[], at = this.clock.now()): Promise<Acknowledged> {
    const feed = this.near.coherence.feedOf(shard);
    await feed.ready();
    return feed.invalidations.send(items, at);
  }

  /** Acknowledged, or to be sent again until it is. Whoever calls this invalidates the near copies here, before and after. */
  async sendOne(placed: Placed, remedy: Remedy = {}): Promise<void> {
    const { outbox } = this.near.coherence;
    const { keeps = false } = remedy;
    const ticket = outbox.ticket();
    const acknowledged = await unlessAway(() => this.send(placed.shard, [{ ...removalOf(placed), keeps }]));
    if (!acknowledged) this.wait(placed, { ...remedy, ticket });
    else if (!keeps) outbox.settle(placed.name, ticket);
  }

  /** Near copies here go. Until it is acknowledged, this process reads the key from its source. */
  sendLater(placed: Placed, remedy: Remedy = {}): void {
    this.near.name(placed.key);
    this.wait(placed, remedy);
  }

  /**
   * As `sendLater`, for a tag: of an expiry, too, its entries are removed as soon as they can be. One entry waits for each name:
   *
   * 1. `invalidateTags(t)` is refused, and waits; 2. `expireTags(t)` is refused, and takes its place: it must take as much away.
   */
  advanceLater(shard: Shard, advance: InvalidatingTag, ticket: number): void {
    const item = lastingAdvance(asInvalidation(advance));
    const tag = tagIn(item.name);
    const resend = (): Promise<void> => this.send(shard, [item]).then(() => this.near.nameTag(tag, 'local'));
    this.near.coherence.outbox.add({ name: item.name, shown: `tag ${shownName(tag)}`, resend, ticket });
  }

  private wait(placed: Placed, remedy: Remedy): void {
    const lasting = lastingPlace(placed);
    const { key, name, shard } = lasting;
    const { outbox } = this.near.coherence;
    const { keeps = false, mayStillArrive = false, ticket } = remedy;
    const item = { ...removalOf(lasting), keeps };
    const resend = (): Promise<void> => this.send(shard, [item]).then(() => this.near.name(key));
    const waiting = { name, shown: key.text, resend, ticket };
    if (!keeps) return outbox.add({ ...waiting, mayStillArrive });
    // What waits already tells the others as well, and may be a removal.
    if (!outbox.has(name)) outbox.add(waiting);
    // They are told once more when what may arrive has, and neither look-ups nor changes wait for that.
    if (mayStillArrive) outbox.add({ ...waiting, name: followUpName('again', name), after: [name], mayStillArrive });
  }
}
