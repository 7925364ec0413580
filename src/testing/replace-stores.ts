import { LOCK_STORE, OWN_CLOCK, OWN_RANDOM, OWN_STORE } from '../cache/injection-tokens.js';
import { memoryStore } from '../store/memory-store.js';
import type { Store } from '../store/store.js';
import type { Clock } from '../value/clock.js';

/** As much of Nest's `TestingModuleBuilder` as is needed. */
export interface OverridesProviders {
  overrideProvider(token: unknown): {
    useValue(value: unknown): unknown;
    useFactory(options: { readonly factory: () => unknown }): unknown;
  };
}

export interface ReplacedStores {
  /** One store for all caches and locks. Default: a memory store for each cache, which its locks share. */
  readonly store?: Store;
  /** Default: real time. */
  readonly clock?: Clock;
  /** From 0 to 1, for what draws: lives with jitter, early refreshes, pauses. Default: the machine's chance. */
  readonly random?: () => number;
}

/**
 * Puts memory in the place of every store of the application under test, whatever the options of its modules and the environment say, `lock.reach` among
 * them.
 *
 * @returns the builder.
 * @example const app = await replaceStores(Test.createTestingModule({ imports: [AppModule] })).compile();
 */
export function replaceStores<B extends OverridesProviders>(
  builder: B,
  { store, clock, random }: ReplacedStores = {},
): B {
  const make = (): Store => store ?? memoryStore(clock && { clock });
  builder.overrideProvider(OWN_STORE).useFactory({ factory: make });
  builder.overrideProvider(LOCK_STORE).useFactory({ factory: () => ({}) });
  if (clock) builder.overrideProvider(OWN_CLOCK).useValue(clock);
  if (random) builder.overrideProvider(OWN_RANDOM).useValue(random);
  return builder;
}
