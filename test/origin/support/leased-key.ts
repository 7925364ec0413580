import { FillLeases, leaseMs } from '../../../src/origin/fill-lease.js';
import type { FillLease, ItemLife } from '../../../src/origin/fill-lease.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import type { Shard } from '../../../src/store/store.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

/** One key of a store in memory, whoever has the right to fill it, and what the shard was asked. */
export class LeasedKey {
  readonly key = 'k';
  readonly clock = new FakeClock();
  readonly shard: Shard;
  /** As `METHOD key`, in order. */
  asked: string[] = [];

  constructor(readonly leases = new FillLeases()) {
    this.shard = new Proxy<Shard>(memoryStore({ clock: this.clock }).shards[0], {
      get: (target, name): unknown => {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          this.asked.push(`${String(name)} ${String(args[0])}`);
          return Reflect.apply(member, target, args) as unknown;
        };
      },
    });
  }

  async text(): Promise<string | undefined> {
    return (await this.shard.readMany([this.key]))[0]?.bytes.toString();
  }

  put(text: string, lifeMs = 3_600_000): Promise<unknown> {
    return this.shard.write(this.key, Buffer.from(text), { lifeMs });
  }

  /** What the next one to ask is told. */
  async state(): Promise<'item' | 'won' | 'held'> {
    const [found] = await this.shard.readOrStub([this.key], leaseMs);
    if (found?.won === true) return 'won';
    return found?.bytes.length === 0 ? 'held' : 'item';
  }

  /** The right to fill what is not there. */
  async won(): Promise<FillLease> {
    const lease = await this.leases.win(this.shard, this.key);
    if (!lease) throw new Error('Something is there, or somebody else has it.');
    this.asked = [];
    return lease;
  }

  /** The right to replace what is there. */
  async wonRefresh(leftMs: () => number = () => 3_600_000): Promise<FillLease> {
    const { lease } = await this.leases.winRefresh(this.shard, this.key, () => lifeWith(leftMs));
    if (!lease) throw new Error('Somebody else has it.');
    this.asked = [];
    return lease;
  }

  refreshing(): Promise<boolean> {
    return this.leases.isRefreshing(this.shard, this.key);
  }

  seize(leftMs: () => number): Promise<FillLease | undefined> {
    return this.leases.seize(this.shard, this.key, () => lifeWith(leftMs));
  }
}

/** What the item in `LeasedKey` is given where it is about to end. */
export const givenMs = 10_000;
export const lifeWith = (leftMs: () => number): ItemLife => ({ leftMs, keptMs: givenMs });
