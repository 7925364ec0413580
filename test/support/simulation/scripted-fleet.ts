import { setImmediate } from 'node:timers/promises';
import type { CacheConfiguration, Protections } from '../../../src/cache/cache-configuration.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { RequestScope } from '../../../src/near/request-scope.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import type { Store } from '../../../src/store/store.js';
import type { Clock } from '../../../src/value/clock.js';
import { seededRandom } from '../seeded-random.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedNetwork } from './simulated-network.js';
import { SteppingClock } from './stepping-clock.js';

/** Processes over one store, whose commands and answers arrive when a test says so: for interleavings that are told step by step. */
export class ScriptedFleet {
  readonly trace: string[] = [];
  readonly clock = new SimulatedClock();
  readonly scope = new RequestScope();
  private readonly random = seededRandom(1);
  readonly network = new SimulatedNetwork(this.random, (line) => void this.trace.push(line));
  private readonly store: Store;
  private readonly caches: TieredCache[] = [];

  /** @param storeOf default: a store of one part. */
  constructor(storeOf: (clock: Clock) => Store = (clock) => memoryStore({ clock })) {
    this.store = storeOf(this.clock);
  }

  /** A process that has read the feed and is listed, for which these of the steps are let happen. */
  async process(
    name: string,
    configuration: Partial<CacheConfiguration> = {},
    protections: Protections = {},
    called = /./,
  ): Promise<{ cache: TieredCache; clock: SteppingClock }> {
    const clock = new SteppingClock(this.clock);
    const store = this.network.between(name, this.store);
    const coherence = { interval: 1_000, blindFor: 0 };
    const shared = { name, namespace: 'n', packageVersion: '1', store, coherence, scope: this.scope, clock };
    const cache = new TieredCache({ ...shared, random: this.random, ...configuration }, protections);
    this.caches.push(cache);
    await cache.open();
    await this.done(cache.lookup('anything'), called);
    return { cache, clock };
  }

  /** Lets the one that is called so happen. @throws where there is none: the story is another one. */
  async deliver(called: RegExp): Promise<void> {
    await setImmediate();
    if (!(await this.network.deliver(called)))
      throw new Error(`Nothing is called ${called} after\n${this.trace.join('\n')}`);
    await setImmediate();
  }

  /** Lets all of these happen that are under way, and what follows from them. */
  async deliverAll(called = /./): Promise<void> {
    await setImmediate();
    while (await this.network.deliver(called)) await setImmediate();
  }

  /** The outcome of a call, for which these of the steps are let happen. */
  async done<R>(call: Promise<R>, called = /./): Promise<R> {
    await this.deliverAll(called);
    return call;
  }

  /** Time goes by, and what is sent meanwhile stays under way. */
  async later(milliseconds: number): Promise<void> {
    await this.clock.advanceTo(this.clock.now() + milliseconds, () => setImmediate());
  }

  async close(): Promise<void> {
    this.network.away.clear();
    await this.done(Promise.all(this.caches.map((cache) => cache.close())));
  }
}
