import type { CacheConfiguration, Protections } from '../../cache/cache-configuration.js';
import { TieredCache } from '../../cache/tiered-cache.js';
import { CacheLock } from '../../lock/cache-lock.js';
import { RequestScope } from '../../near/request-scope.js';
import type { Store } from '../../store/store.js';
import type { Clock } from '../../value/clock.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedHost } from './simulated-host.js';
import type { SimulatedNetwork } from './simulated-network.js';

/** What the caches of a simulation are made of; the kit gives the rest. */
export type SimulatedCacheConfiguration = Partial<
  Omit<CacheConfiguration, 'name' | 'store' | 'scope' | 'clock' | 'random'>
>;

/**
 * What one process of a simulation lives by. A service is built from its `cache`; an application of Nest, from its `store`, `clock` and `random`:
 * `replaceStores(Test.createTestingModule(…), { store, clock, random })`.
 */
export class SimulatedProcess {
  private made: TieredCache | undefined;
  private madeLock: CacheLock | undefined;
  /** Of this process alone, as everywhere. */
  readonly scope = new RequestScope();

  constructor(
    /** @internal */
    readonly host: SimulatedHost,
    private readonly network: SimulatedNetwork,
    /** The store, as this process sees it over the network. */
    readonly store: Store,
    /** Chance for what draws: the same in every telling. */
    readonly random: SeededRandom,
    private readonly configuration: SimulatedCacheConfiguration = {},
    private readonly protections: Protections = {},
  ) {}

  /** `P0`, `P1` and so on; whoever is started after a crash bears the name of its predecessor. */
  get name(): string {
    return this.host.name;
  }

  /** The clock of its machine. */
  get clock(): Clock {
    return this.host.clock;
  }

  /** Its cache, over the store. Made when it is first asked for, and opened before the first operation. */
  get cache(): TieredCache {
    return (this.made ??= new TieredCache(
      {
        namespace: 'n',
        packageVersion: '1',
        // Room for more entries than a story has: a tier that has room for 10,000 costs more time to make than a story takes.
        process: { maxEntries: 100 },
        ...this.configuration,
        name: this.name,
        store: this.store,
        scope: this.scope,
        clock: this.host.clock,
        random: this.random,
      },
      this.protections,
    ));
  }

  /** Its locks, in the same store. */
  get lock(): CacheLock {
    const { namespace = 'n' } = this.configuration;
    const { store, random } = this;
    return (this.madeLock ??= new CacheLock({ namespace, store, clock: this.host.clock, random }));
  }

  /**
   * Resolves when the simulation lets it happen, whatever else happens before. Await it where the real service waits for something other than the
   * cache: a query, another service, a commit. Never, once the process has crashed.
   */
  step(what: string): Promise<void> {
    if (this.host.isCrashed) return new Promise(() => {});
    return this.network.pause(this.host, `${this.name} ${what}`);
  }

  /** @internal */
  async open(): Promise<void> {
    await this.made?.open();
  }

  /** @internal */
  async close(): Promise<void> {
    await this.madeLock?.shutdown(0);
    await this.made?.close();
  }
}
