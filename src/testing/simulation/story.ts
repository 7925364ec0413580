import { onCacheEvent } from '../../value/events.js';
import type { CacheEventName, CacheEvents } from '../../value/events.js';
import { commitFault } from './faults.js';
import type { History, Moment } from './history.js';
import type { Plan, Turn } from './plan.js';
import { pickByName, seededRandom } from './seeded-random.js';
import type { Simulation, Versions } from './simulation.js';
import { World } from './world.js';
import type { Member } from './world.js';

/** What is wrong in one history, and by which check. */
export interface Violation {
  readonly check: string;
  readonly what: string;
}

/** A story that was told. */
export interface Told {
  readonly history: History;
  readonly violations: readonly Violation[];
}

/** How often each reading operation is begun at the end. */
const lastDraws = 2;
/** What was not acknowledged has been sent again by then. */
const writesAgainWithinMs = 3_000;
/** Time for everything to end: for waiting, for leases to run out. */
const restsMs = [0, 100, 300, 1_000, 2_000, 3_000, 30_000, 30_000, 30_000];

/** Tells the story of a plan to its end, and looks at it by the checks. */
export async function tell<Shared, Service>(simulation: Simulation<Shared, Service>, plan: Plan): Promise<Told> {
  const story = new Story(simulation, plan);
  await story.tell();
  const { history } = story.world;
  const lost = history.calls.filter(({ outcome }) => outcome === undefined);
  const violations = [
    ...lost.map(({ process, operation }) => ({
      check: 'every operation comes back',
      what: `${operation} of ${process} never came back`,
    })),
    ...simulation.holds.flatMap(({ name, violations: found }) =>
      (found(history) ?? []).map((what) => ({ check: name, what })),
    ),
  ];
  return { history, violations };
}

class Story<Shared, Service> {
  readonly world: World<Shared, Service>;

  constructor(
    private readonly simulation: Simulation<Shared, Service>,
    private readonly plan: Plan,
  ) {
    this.world = new World(simulation, plan);
  }

  async tell(): Promise<void> {
    const { world } = this;
    const stopListening = listen(world);
    try {
      await world.begin();
      for (const turn of this.plan.turns) {
        await this.take(turn);
        await world.settle();
      }
      world.history.line('time', undefined, 'from here on all is well');
      await world.mend();
      await this.rest(writesAgainWithinMs);
      const restMs = Math.max(...this.simulation.holds.map((check) => check.restMs ?? 0));
      await this.pass(restMs, () => this.deliverAll());
      this.lastReads();
      await this.rest(0);
      await world.end();
    } finally {
      stopListening();
    }
  }

  /** By some draws, for what reads now this and now that. */
  private lastReads(): void {
    for (const [operation, asked] of Object.entries(this.simulation.operations)) {
      if (!('reads' in asked)) continue;
      for (const member of this.world.members) {
        for (let salt = 0; salt < lastDraws; salt++) this.call(member, operation, salt);
      }
    }
  }

  private async take(turn: Turn): Promise<void> {
    const { world } = this;
    switch (turn.act) {
      case 'deliver':
        return void (await world.network.deliver((steps) => pickByName(steps, ({ id }) => id, turn.salt)));
      case 'run': {
        const host = world.members[turn.process]?.host;
        for (let step = 0; step < turn.steps; step++) {
          await world.settle();
          if (!(await world.network.deliver((steps) => steps.find((one) => one.host === host)))) return;
        }
        return;
      }
      case 'deliver all':
        return this.deliverAll();
      case 'call': {
        const member = world.members[turn.process];
        const isFree =
          this.underWay < this.plan.callsAtOnce && member && !member.host.isCrashed && !member.host.isStill;
        return isFree ? this.call(member, turn.operation, turn.salt) : undefined;
      }
      case 'wait':
        world.history.line('time', undefined, `${turn.ms} ms pass, the network ${turn.network}`);
        return this.pass(turn.ms, () => (turn.network === 'works' ? this.deliverAll('network') : world.settle()));
      case 'fault':
        return commitFault(turn.fault, world, turn.salt);
      case 'mend':
        return world.mend();
    }
  }

  private call({ process, host, service }: Member<Service>, operation: string, salt: number): void {
    const { history, shared } = this.world;
    const asked = this.simulation.operations[operation];
    if (!asked) return;
    const kind = 'reads' in asked ? 'reads' : 'writes' in asked ? 'writes' : 'does';
    const work = 'reads' in asked ? asked.reads : 'writes' in asked ? asked.writes : asked.does;
    history.line('call', process.name, `${operation} begins`);
    const began = history.moment();
    const call: (typeof history.calls)[number] = { operation, process: process.name, kind, began };
    history.calls.push(call);
    const end = (outcome: 'resolved' | 'rejected', text: string, error?: unknown): void => {
      if (call.outcome === 'crashed') return;
      history.line('call', process.name, `${operation} ${text}`);
      Object.assign(call, { outcome, ended: history.moment(), ...(error !== undefined && { error }) });
    };
    const context = { service, shared, process, draw: seededRandom(salt), history, began };
    const working = async (): Promise<unknown> => work(context);
    host.run(working).then(
      (answer) => {
        if (host.isCrashed) return;
        end('resolved', kind === 'does' ? 'ends' : `ends: ${textOf(answer as Versions | undefined)}`);
        if (kind !== 'does') this.noteVersions(kind, process.name, answer as Versions | undefined, began);
      },
      (error: unknown) => end('rejected', `rejects: ${String(error)}`, error),
    );
  }

  private noteVersions(kind: 'reads' | 'writes', process: string, versions: Versions | undefined, began: Moment): void {
    for (const [row, version] of Object.entries(versions ?? {})) {
      if (version === undefined) continue;
      if (kind === 'reads') this.world.history.read(process, row, version, began);
      else this.world.history.acknowledge(process, row, version);
    }
  }

  /** In their order, what follows from them included. */
  private async deliverAll(which: 'everything' | 'network' = 'everything'): Promise<void> {
    const { network } = this.world;
    await this.world.settle();
    while (await network.deliver((steps) => steps.find(({ way }) => which === 'everything' || way !== 'pause')))
      await this.world.settle();
  }

  private async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    await settle();
    await this.world.clock.advanceTo(this.world.clock.now() + ms, settle);
    await settle();
  }

  /** Until all operations have come back, and at least so long. */
  private async rest(leastMs: number): Promise<void> {
    for (const ms of restsMs) {
      await this.pass(ms, () => this.deliverAll());
      if (ms >= leastMs && this.underWay === 0) return;
    }
  }

  private get underWay(): number {
    return this.world.history.calls.filter(({ outcome }) => outcome === undefined).length;
  }
}

const textOf = (versions: Versions | undefined): string =>
  Object.entries(versions ?? {})
    .map(([row, version]) => `${row} ${version ?? 'unknown'}`)
    .join(', ') || 'nothing';

/** Whose event it is: a cache that is named after its process counts as one without a name. */
const originOf = (
  cacheName: string,
  process: string,
): { readonly process: string; readonly cache: string | undefined } => ({
  process,
  cache: cacheName === process ? undefined : cacheName,
});

/** Notes in the history what the library tells of the processes of this world, until the returned function is called. */
function listen<Shared, Service>(world: World<Shared, Service>): () => void {
  const { history } = world;
  const on = <E extends CacheEventName>(
    name: E,
    note: (event: CacheEvents[E], process: string) => void,
  ): (() => void) =>
    onCacheEvent(name, (event) => {
      const host = world.running;
      if (host) note(event, host.name);
    });
  const stops = [
    on('loadStarted', ({ cache, key }, process) => {
      history.loads.push({ ...originOf(cache, process), key, began: history.moment() });
    }),
    on('loadFinished', (event, running) => {
      const { process, cache } = originOf(event.cache, running);
      const load = history.loads.find(
        (one) => one.process === process && one.cache === cache && one.key === event.key && !one.ended,
      );
      if (load) load.ended = history.moment();
    }),
    on('loadRefused', ({ cache, key, reason }, process) => {
      history.refusals.push({ ...originOf(cache, process), key, reason, ...history.moment() });
    }),
    on('invalidated', ({ key }) => void history.invalidated.push({ key, ...history.moment() })),
    on('writeGivenUp', ({ key, reason }) => void history.givenUp.push({ key, reason, ...history.moment() })),
  ];
  return () => stops.forEach((stop) => stop());
}
