import { setImmediate } from 'node:timers/promises';
import type { CacheConfiguration, Protections } from '../../../src/cache/cache-configuration.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { RequestScope } from '../../../src/near/request-scope.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import type { Store } from '../../../src/store/store.js';
import type { Clock } from '../../../src/value/clock.js';
import { seededRandom } from '../seeded-random.js';
import { VirtualClock } from '../../../src/testing/simulation/virtual-clock.js';
import type { HostClock } from '../../../src/testing/simulation/host-clock.js';
import { SimulatedHost } from '../../../src/testing/simulation/simulated-host.js';
import { SimulatedNetwork } from '../../../src/testing/simulation/simulated-network.js';

/** Processes over one store, whose commands and answers arrive when a test says so: for interleavings that are told step by step. */
export class ScriptedFleet {
  readonly trace: string[] = [];
  readonly clock = new VirtualClock();
  readonly scope = new RequestScope();
  private readonly random = seededRandom(1);
  readonly network = new SimulatedNetwork({ note: (line) => void this.trace.push(line) });
  readonly store: Store;
  private readonly elsewhere = new SimulatedHost('elsewhere', this.clock);
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
  ): Promise<{ cache: TieredCache; clock: HostClock }> {
    const host = new SimulatedHost(name, this.clock);
    const { clock } = host;
    const store = this.network.between(host, this.store);
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
    if (!(await this.oldest(called))) throw new Error(`Nothing is called ${called} after\n${this.trace.join('\n')}`);
    await setImmediate();
  }

  /** Lets all of these happen that are under way, and what follows from them. */
  async deliverAll(called = /./): Promise<void> {
    await setImmediate();
    while (await this.oldest(called)) await setImmediate();
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

  /** Resolves when a step that is called so is let happen. */
  pause(what: string): Promise<void> {
    return this.network.pause(this.elsewhere, what);
  }

  private oldest(called: RegExp): Promise<boolean> {
    return this.network.deliver((steps) => steps.find(({ what }) => called.test(what)));
  }

  async close(): Promise<void> {
    this.network.away.clear();
    await this.done(Promise.all(this.caches.map((cache) => cache.close())));
  }
}
