import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EntryOptions } from '../../../src/catalogue/entry-options.js';
import type { CacheConfiguration, Protections } from '../../../src/cache/cache-configuration.js';
import type { LoadContext } from '../../../src/load/loader.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import type { Store } from '../../../src/store/store.js';
import type { Lookup } from '../../../src/value/lookup.js';
import { recordEvents } from '../recorded-events.js';
import { logRead } from '../log-read.js';
import type { RecordedEvent, RecordedEvents } from '../recorded-events.js';
import { churn } from './churn.js';
import type { ChurnOptions, ChurnReport } from './churn.js';
import { endure } from './endure.js';
import type { EnduranceOptions, EnduranceReport } from './endure.js';
import { HeldAnswers } from './held-answers.js';

/** One of the caches of a member. Members are all built alike; each cache has a namespace of its own. */
export interface MemberCache {
  readonly configuration?: Partial<
    Pick<CacheConfiguration, 'coherence' | 'process' | 'defaults' | 'maxConcurrentLoads'>
  >;
  readonly protections?: Protections;
  /** No process wins a right to load: what a store without atomic operations gives. */
  readonly withoutLeases?: boolean;
  /** The version stamp is what this file of the folder holds. */
  readonly stampFile?: string;
}

export interface MemberData {
  readonly member: string;
  /** Where rows, the journal and gates are. */
  readonly folder: string;
  readonly caches: Record<string, MemberCache>;
}

/** What a loader does besides reading its row and writing it into the journal. */
export interface LoadScript {
  readonly takesMs?: number;
  /** It goes on when this file of the folder exists. */
  readonly gate?: string;
  readonly hangs?: boolean;
  readonly failsWith?: { readonly message: string; readonly status?: number };
}

/** How a burst of callers fared. */
export interface BurstOutcome {
  /** How many got each value, by its JSON. */
  readonly values: Record<string, number>;
  readonly errors: Record<string, number>;
  /** Were the errors one object? */
  readonly distinctErrors: number;
  readonly slowestMs: number;
}

export interface SeenLookup {
  readonly hit: boolean;
  readonly value?: unknown;
  readonly tier?: string;
  readonly freshness?: string;
  readonly reason?: string;
}

/** The methods of one process of a fleet: called in a worker process, or in this one where the store is its memory. */
export class FleetMember {
  private readonly caches = new Map<string, { cache: TieredCache; answers: HeldAnswers }>();
  private readonly events: RecordedEvents = recordEvents(
    ...(['hit', 'miss', 'loadStarted', 'loadJoined', 'loadRefused', 'fault', 'writeGivenUp'] as const),
  );
  private readonly aborts = new Map<string, AbortController>();

  constructor(
    private readonly data: MemberData,
    private readonly storeOf: () => Store,
  ) {}

  async open(): Promise<void> {
    for (const [name, { configuration, protections, withoutLeases, stampFile }] of Object.entries(this.data.caches)) {
      const answers = new HeldAnswers(this.storeOf());
      const { capabilities } = answers.store;
      const cache = new TieredCache(
        {
          name: this.nameOf(name),
          namespace: name,
          packageVersion: '1',
          store: withoutLeases ? { ...answers.store, capabilities: { ...capabilities, atomic: false } } : answers.store,
          coherence: withoutLeases ? false : { interval: 100 },
          ...(stampFile !== undefined && { versionStamp: () => this.read(stampFile) }),
          ...configuration,
        },
        protections,
      );
      await cache.open();
      this.caches.set(name, { cache, answers });
    }
  }

  async stop(): Promise<void> {
    this.events.stop();
    await Promise.all([...this.caches.values()].map(({ cache }) => cache.close()));
  }

  /** So many callers of one key in one turn. */
  async burst(
    name: string,
    key: string,
    callers: number,
    script: LoadScript,
    options?: EntryOptions,
  ): Promise<BurstOutcome> {
    const values: Record<string, number> = {};
    const errors: Record<string, number> = {};
    const objects = new Set<unknown>();
    let slowestMs = 0;
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: callers }, async () => {
        try {
          const value = JSON.stringify(await this.getOrSet(name, key, script, options));
          values[value] = (values[value] ?? 0) + 1;
        } catch (error) {
          objects.add(error);
          errors[String(error)] = (errors[String(error)] ?? 0) + 1;
        }
        slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      }),
    );
    return { values, errors, distinctErrors: objects.size, slowestMs };
  }

  getOrSet(name: string, key: string, script: LoadScript = {}, options?: EntryOptions): Promise<unknown> {
    return this.of(name).getOrSet<unknown>(key, (context) => this.load(key, script, context), options);
  }

  /** As `getOrSet`; `abort(label)` ends this caller's wait. */
  getOrSetUntilAborted(name: string, key: string, label: string, script: LoadScript = {}): Promise<unknown> {
    const controller = new AbortController();
    this.aborts.set(label, controller);
    return this.getOrSet(name, key, script, { signal: controller.signal });
  }

  abort(label: string): void {
    this.aborts.get(label)?.abort(new Error(`${label} left`));
  }

  /** @returns what the loader was asked for, call by call, and the values. */
  async getOrSetMany(
    name: string,
    keys: string[],
    { omits = [], adds = [], ...script }: LoadScript & { omits?: string[]; adds?: string[] } = {},
    options?: EntryOptions,
  ): Promise<{ values: unknown[]; calls: string[][] }> {
    const calls: string[][] = [];
    const loadMissing = async (missing: readonly string[]): Promise<[string, unknown][]> => {
      calls.push([...missing]);
      await this.wait(script, new AbortController().signal);
      const known = [...missing, ...adds].filter((key) => !omits.includes(key));
      return known.map((key) => [key, `loaded ${key}`]);
    };
    const values = await this.of(name).getOrSetMany<unknown, string>(keys, loadMissing, options);
    return { values, calls };
  }

  async lookup(name: string, key: string): Promise<SeenLookup> {
    return seen(await this.of(name).lookup(key));
  }

  set(name: string, key: string, value: unknown, options?: EntryOptions): Promise<boolean> {
    return this.of(name).set(key, value, options);
  }

  delete(name: string, key: string): Promise<boolean> {
    return this.of(name).delete(key);
  }

  invalidateTags(name: string, ...tags: string[]): Promise<boolean> {
    return this.of(name).invalidateTags(...tags);
  }

  churn(name: string, options: ChurnOptions): Promise<ChurnReport> {
    return churn(this.of(name), this.data.folder, options);
  }

  endure(name: string, options: EnduranceOptions): Promise<EnduranceReport> {
    // A million recorded events would be what the heap grows by.
    this.events.stop();
    return endure(this.of(name), options);
  }

  storeKey(name: string, key: string): string {
    return this.of(name).storeKey(key);
  }

  hold(name: string, operation: 'readMany' | 'write', key: string): void {
    this.caches.get(name)?.answers.hold(operation, key);
  }

  held(name: string): number {
    return this.caches.get(name)?.answers.held ?? 0;
  }

  letGo(name: string): void {
    this.caches.get(name)?.answers.letGo();
  }

  /** Look-ups and loads that somebody may wait for: none is left over when all callers have their answer. */
  underWay(name: string): number {
    return (this.of(name) as unknown as { rooms: { flights: { underWay: number } } }).rooms.flights.underWay;
  }

  /** Resolves when this member has read all that was acknowledged before the call. */
  logRead(name: string): Promise<void> {
    return logRead(this.nameOf(name));
  }

  /** What happened to a key, in order; causes are left out, they don't travel. */
  eventsOf(key: string): Partial<RecordedEvent>[] {
    return this.events.all
      .filter((event) => 'key' in event && event.key === key)
      .map((event) => ('cause' in event ? { ...event, cause: undefined } : event));
  }

  /** Members of one process are told apart by their events too. */
  private nameOf(name: string): string {
    return `${this.data.member} ${name}`;
  }

  private of(name: string): TieredCache {
    const found = this.caches.get(name);
    if (!found) throw new Error(`no cache ${name}`);
    return found.cache;
  }

  private async load(key: string, script: LoadScript, { signal }: LoadContext): Promise<unknown> {
    const row = this.read(key) ?? 'no row';
    this.journal(`load ${key} ${row}`);
    await this.wait(script, signal);
    if (script.failsWith) throw Object.assign(new Error(script.failsWith.message), script.failsWith);
    this.journal(`loaded ${key} ${row}`);
    return { row };
  }

  private async wait({ takesMs = 0, gate, hangs }: LoadScript, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + 120_000;
    await new Promise((resolve) => setTimeout(resolve, takesMs));
    while (hangs || (gate !== undefined && !existsSync(join(this.data.folder, gate)))) {
      signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error('the gate never opened');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  private read(file: string): string | undefined {
    try {
      return readFileSync(join(this.data.folder, file), 'utf8');
    } catch {
      return undefined;
    }
  }

  /** Opened for appending at each line: the kernel keeps lines of several processes whole and in order. */
  private journal(line: string): void {
    appendFileSync(join(this.data.folder, 'journal'), `${this.data.member} ${line}\n`);
  }
}

function seen(found: Lookup): SeenLookup {
  return found.hit
    ? { hit: true, value: found.value, tier: found.tier, freshness: found.freshness }
    : { hit: false, reason: found.reason };
}
