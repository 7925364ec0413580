import type { RedisReply } from './driver/redis-driver.js';
import { slotCount } from './key-slot.js';
import { redisAddress } from './redis-address.js';
import type { RedisAddress } from './redis-address.js';
import { itemsOf, textOf } from './redis-reply.js';

/** Which primary holds which slot. */
export class ClusterTopology {
  private readonly owners = new Array<RedisAddress | undefined>(slotCount);

  ownerOf(slot: number): RedisAddress | undefined {
    return this.owners[slot];
  }

  move(slot: number, owner: RedisAddress): void {
    this.owners[slot] = owner;
  }

  /** Every primary that holds a slot. */
  get primaries(): readonly RedisAddress[] {
    return [...new Map(this.owners.flatMap((owner) => (owner ? [[owner.text, owner] as const] : []))).values()];
  }

  /**
   * Takes over a reply to `CLUSTER SLOTS`. Slots without an owner keep the one that was known: asking there tells more than asking nowhere.
   * @param asked who gave it: a node that does not know its own name says nothing for it.
   * @returns whether it was such a reply.
   */
  read(reply: RedisReply, asked: RedisAddress): boolean {
    const ranges = itemsOf(reply);
    if (!ranges || ranges.length === 0) return false;
    for (const range of ranges) {
      const [first, last, primary] = itemsOf(range) ?? [];
      const [host, port] = itemsOf(primary) ?? [];
      const name = textOf(host);
      const owner = typeof port === 'number' ? redisAddress(name || asked.host, port) : undefined;
      if (typeof first !== 'number' || typeof last !== 'number' || !owner) return false;
      this.owners.fill(owner, Math.max(0, first), Math.min(last, slotCount - 1) + 1);
    }
    return true;
  }
}
