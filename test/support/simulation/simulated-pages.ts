import { setImmediate } from 'node:timers/promises';
import type { Protections } from '../../../src/cache/cache-configuration.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { RequestScope } from '../../../src/near/request-scope.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import type { Store } from '../../../src/store/store.js';
import { onCacheEvent } from '../../../src/value/events.js';
import { seededRandom } from '../seeded-random.js';
import { PageReaders } from './page-readers.js';
import { PageWorld, wholes } from './page-world.js';
import type { SimulatedProcess } from './page-world.js';
import { PageWriters } from './page-writers.js';
import { VirtualClock } from '../../../src/testing/simulation/virtual-clock.js';
import { SimulatedHost } from '../../../src/testing/simulation/simulated-host.js';
import { SimulatedNetwork } from '../../../src/testing/simulation/simulated-network.js';
import { twoShardStore } from './two-shard-store.js';

const intervalMs = 1_000;
/** `coherence.interval`, and the grace that a poll is given to come back. */
const boundMs = intervalMs + 250;

const allActs = {
  whole: 6,
  get: 1,
  row: 2,
  many: 1,
  request: 1,
  forced: 1,
  none: 1,
  mixed: 1,
  short: 1,
  tag: 2,
  deleteMany: 1,
  set: 1,
  setMany: 0.5,
  clear: 0.2,
  expireTag: 0.5,
  expireKeys: 0.5,
  other: 1,
};
type Act = keyof typeof allActs;
/** What a story is about, by weight: fewer acts meet more often. */
const casts: readonly Partial<Record<Act, number>>[] = [
  allActs,
  { row: 3, whole: 3, tag: 1 },
  { row: 3, whole: 3, deleteMany: 1 },
  { row: 2, whole: 2, request: 2, set: 1, deleteMany: 1 },
  { row: 2, whole: 3, tag: 1, expireTag: 1, expireKeys: 1 },
  { many: 3, whole: 3, tag: 1, deleteMany: 1 },
  { row: 3, deleteMany: 1 },
  { row: 3, whole: 3, setMany: 1, clear: 0.5 },
  { none: 2, other: 1 },
  { mixed: 3, other: 1 },
  { short: 3, other: 1 },
];

const releases = ['1.4', '1.5'] as const;
type Release = (typeof releases)[number];

/**
 * Three processes of two releases over one or two parts of a store, entries that are built from entries, and a scheduler that lets one thing happen
 * at a time, drawn from a seed. Each process has its own wall clock, which is set now and then; parts of the store are away now and then.
 * Processes are replaced by others of either release, as by a deploy and a rollback, and crash.
 */
export class SimulatedPages {
  readonly random;
  readonly world: PageWorld;
  private readonly clock = new VirtualClock();
  private readonly network: SimulatedNetwork;
  private readonly readers: PageReaders;
  private readonly writers: PageWriters;
  /** A third of the stories have no fault, and more is asked of them. */
  private readonly isCalm: boolean;
  private readonly acts: readonly Act[];
  private readonly weights: Partial<Record<Act, number>>;
  private readonly store: Store;
  private readonly scope = new RequestScope();
  private readonly processes: SimulatedProcess[];
  /** Replaced by others: they end what they have begun, and nothing new. */
  private readonly retired: SimulatedProcess[] = [];
  private started = 0;
  private givenUp = 0;

  constructor(
    readonly seed: number,
    private readonly protections: Protections = {},
  ) {
    const random = (this.random = seededRandom(seed));
    const isTransactional = random() < 0.5;
    this.network = new SimulatedNetwork({
      note: (line) => this.world.note(line),
      invalidations: isTransactional ? 'whole' : 'in parts',
    });
    this.world = new PageWorld(random, this.clock, () => this.network, boundMs);
    this.isCalm = random() < 0.33;
    this.weights = random.pick(casts);
    this.acts = Object.keys(this.weights) as Act[];
    this.store = random() < 0.5 ? twoShardStore(this.clock) : memoryStore({ clock: this.clock });
    this.readers = new PageReaders(this.world, this.scope);
    this.writers = new PageWriters(this.world);
    this.processes = [...releases, random.pick(releases)].map((release, index) => this.newProcess(index, release));
  }

  private newProcess(index: number, packageVersion: Release): SimulatedProcess {
    const name = `P${this.started++}`;
    const host = new SimulatedHost(name, this.clock);
    const configuration = {
      name,
      namespace: 'n',
      packageVersion,
      store: this.network.between(host, this.store),
      process: { maxEntries: 100 },
      coherence: { interval: intervalMs, blindFor: 0 },
    };
    const { scope, random } = this;
    const cache = new TieredCache({ ...configuration, scope, clock: host.clock, random }, this.protections);
    return { name, index, cache, host, underWay: 0 };
  }

  get violations(): readonly string[] {
    return this.world.violations;
  }

  /** Resolves when everything that was begun has ended and been checked. */
  async run(turns: number): Promise<void> {
    const listening = [
      onCacheEvent('writeGivenUp', () => void this.givenUp++),
      onCacheEvent('loadRefused', ({ cache, key, reason }) => {
        if (reason !== 'invalidated') this.world.overtaken.add(`${cache} ${key}`);
      }),
    ];
    for (const { cache } of this.processes) await cache.open();
    await this.calmDown();
    for (let turn = 0; turn < turns; turn++) await this.turn();
    this.world.ending = true;
    this.network.away.clear();
    await this.calmDown();
    // A refresh that waits for another one's is made up for by the next.
    const rounds = 'expireTag' in this.weights ? 4 : 0;
    for (let round = 0; round < rounds; round++)
      await this.ofEach((process, whole) => this.readers.whole(process, whole));
    await this.ofEach((process, whole) => this.readers.refreshedWhole(process, whole));
    await this.oneLoad();
    if (this.clientsUnderWay > 0) this.world.violated(`${this.clientsUnderWay} calls never came back`);
    const closing = Promise.all([...this.retired, ...this.processes].map(({ cache }) => cache.close()));
    while (this.network.underWay > 0) await this.deliver();
    await closing;
    for (const stop of listening) stop();
    if (this.givenUp > 0) this.world.violated(`${this.givenUp} invalidations were given up, and all was well`);
  }

  private async turn(): Promise<void> {
    const draw = this.random();
    if (draw < 0.75 && this.network.underWay > 0) return this.deliver();
    if (draw < 0.88 && this.clientsUnderWay < 6) this.begin();
    else if (draw < 0.95) await this.advance(this.random.pick([1, 5, 30, 100, 400, 1_000]));
    else if (draw < 0.96) await this.advance(this.random.pick([2_000, 4_000, 12_000]));
    else if (draw < 0.965) await this.deploy();
    else if (!this.isCalm) await this.fault();
    await this.settle();
  }

  private begin(): void {
    const process = this.random.pick(this.processes);
    const row = this.random.pick(['in1', 'in2'] as const);
    const whole = this.random.pick(wholes);
    const other = this.random.pick(['none', 'mixed', 'short'] as const);
    const { readers, writers } = this;
    const doing: Record<Act, () => Promise<unknown>> = {
      whole: () => readers.whole(process, whole),
      get: () => readers.get(process, whole),
      row: () => readers.row(process, row),
      many: () => readers.many(process),
      request: () => readers.request(process, whole),
      forced: () => readers.forced(process, whole),
      none: () => readers.none(process),
      mixed: () => readers.mixed(process),
      short: () => readers.short(process),
      tag: () => writers.invalidateTag(process),
      deleteMany: () => writers.deleteMany(process, row),
      set: () => writers.setThenDelete(process, row),
      setMany: () => writers.setManyThenDelete(process),
      clear: () => writers.clear(process),
      expireTag: () => writers.expireTag(process),
      expireKeys: () => writers.expireKeys(process, row),
      other: () => writers.other(process, other),
    };
    const act = this.drawAct();
    this.client(process, `${act} ${act === 'other' ? other : `${row} ${whole}`}`, doing[act]);
  }

  private drawAct(): Act {
    const sum = this.acts.reduce((total, act) => total + (this.weights[act] ?? 0), 0);
    let left = this.random() * sum;
    return this.acts.find((act) => (left -= this.weights[act] ?? 0) < 0) ?? (this.acts[0] as Act);
  }

  private async fault(): Promise<void> {
    this.world.faulty = true;
    const draw = this.random();
    if (draw < 0.08) return this.crash();
    if (draw < 0.4) {
      this.network.lose((steps) => (steps.length > 0 ? this.random.pick(steps) : undefined));
      return;
    }
    if (draw < 0.6) {
      const part = this.random.integer(0, this.store.shards.length - 1);
      this.world.note(`PART ${part} ${this.network.away.has(part) ? 'back' : 'away'}`);
      if (!this.network.away.delete(part)) this.network.away.add(part);
    } else if (draw < 0.8) {
      const { name, host } = this.random.pick(this.processes);
      const byMs = this.random.pick([-3_600_000, -30_000, -3_000, -500, 500, 3_000, 30_000, 3_600_000]);
      this.world.note(`CLOCK of ${name} ${byMs} ms`);
      host.clock.stepBy(byMs);
    } else await this.evict();
  }

  /** As memory pressure does: of an entry, a generation, the list of versions. */
  private async evict(): Promise<void> {
    const suffix = this.random.pick([':in1', ':page', ':book', '~tag:t', '~versions']);
    const release = this.random.pick(['1.4', '1.5']);
    const key = suffix.startsWith('~') ? `n${suffix}` : `n:${release}:${suffix}`;
    for (const shard of this.store.shards) {
      if ((await shard.remove(key)) === 'removed') this.world.note(`EVICTED ${key}`);
    }
  }

  /** Another process of either release takes its place. It ends its calls, and closes when the story does: stopping takes as long as it may. */
  private deploy(): Promise<void> {
    const former = this.random.pick(this.processes);
    this.retired.push(former);
    return this.replace(former, 'retires');
  }

  private crash(): Promise<void> {
    const former = this.random.pick(this.processes);
    former.host.crash();
    this.network.drop(former.host);
    return this.replace(former, 'crashes');
  }

  private async replace({ name, index }: SimulatedProcess, how: string): Promise<void> {
    const release = this.random.pick(releases);
    const next = this.newProcess(index, release);
    this.world.note(`${name} ${how}: ${next.name} of ${release}`);
    this.processes[index] = next;
    await next.cache.open();
  }

  private get clientsUnderWay(): number {
    return [...this.retired, ...this.processes].reduce((sum, { underWay }) => sum + underWay, 0);
  }

  private client(process: SimulatedProcess, what: string, work: () => Promise<unknown>): void {
    const { name } = process;
    process.underWay++;
    this.world.note(`${name} ${what} begins`);
    const ended = (answer: string): void => {
      process.underWay--;
      this.world.note(`${name} ${what}: ${answer}`);
    };
    work().then(
      (answer) => ended(JSON.stringify(answer) ?? 'nothing'),
      (error: unknown) => ended(String(error)),
    );
  }

  private async ofEach(
    work: (process: SimulatedProcess, whole: (typeof wholes)[number]) => Promise<unknown>,
  ): Promise<void> {
    for (const process of this.processes) {
      for (const whole of wholes) this.client(process, `last ${whole}`, () => work(process, whole));
    }
    await this.calmDown();
  }

  /** Nothing failed, and nobody has loaded this key: one process of each release does. */
  private async oneLoad(): Promise<void> {
    const before = this.world.loads;
    // Longer than any two of the clocks are apart.
    const options = { ttl: 30 * 86_400_000, ...(this.random() < 0.5 && { tags: ['t'] }) };
    for (const process of this.processes) {
      const load = (): Promise<number> => this.world.source(process, 'short');
      this.client(process, 'one load', () => process.cache.getOrSet<number>('fresh', load, options));
    }
    await this.calmDown();
    const loads = this.world.loads - before;
    if (loads > 2 && !this.world.faulty) this.world.violated(`${loads} loads in two releases, and nothing failed`);
  }

  private async advance(delayMs: number): Promise<void> {
    this.world.note(`+${delayMs} ms`);
    await this.clock.advanceTo(this.clock.now() + delayMs, () => this.settle());
  }

  /** Time for everything to end: for waiting, for leases to run out, for writes to be sent again. */
  private async calmDown(): Promise<void> {
    for (const delayMs of [0, 100, 300, 1_000, 2_000, 3_000, 30_000, 30_000, 30_000]) {
      await this.advance(delayMs);
      while (this.network.underWay > 0) await this.deliver();
      if (delayMs >= 3_000 && this.clientsUnderWay === 0) return;
    }
  }

  private async deliver(): Promise<void> {
    await this.network.deliver((steps) => this.random.pick(steps));
    await this.settle();
  }

  private async settle(): Promise<void> {
    await setImmediate();
    this.world.overtaken.clear();
  }
}
