import { setImmediate } from 'node:timers/promises';
import { drawn, seededRandom } from './seeded-random.js';
import { History } from './history.js';
import type { Plan } from './plan.js';
import { RestartableStore } from './restartable-store.js';
import { runningHost, SimulatedHost } from './simulated-host.js';
import { SimulatedNetwork } from './simulated-network.js';
import type { Step } from './step.js';
import { SimulatedProcess } from './simulated-process.js';
import type { Simulation } from './simulation.js';
import { VirtualClock } from './virtual-clock.js';
import { memoryStore } from '../../store/memory-store.js';
import { SimulationError } from './simulation-error.js';

/** One process that was started, and its service. */
export interface Member<Service> {
  readonly index: number;
  readonly host: SimulatedHost;
  readonly process: SimulatedProcess;
  readonly service: Service;
}

/** What a service gets from here is the same in every telling; what it takes from elsewhere, such as real time, ends this wait. */
const mostIdleRounds = 20_000;

/** The processes of one story, what they share, and the network and the time between them. */
export class World<Shared = unknown, Service = unknown> {
  readonly clock = new VirtualClock();
  readonly history: History;
  readonly network: SimulatedNetwork;
  readonly store: RestartableStore;
  readonly shared: Shared;
  /** By their places; one that crashed stays until its successor is started. */
  readonly members: Member<Service>[] = [];
  /** All that ever ran, those that crashed included: they are never closed, and what they began may go on. */
  private readonly hosts = new Set<SimulatedHost>();

  constructor(
    private readonly simulation: Simulation<Shared, Service>,
    private readonly plan: Plan,
  ) {
    const beganAt = this.clock.now();
    this.history = new History(() => this.clock.now() - beganAt);
    this.network = new SimulatedNetwork({
      note: (line, { host, way }) => this.history.line(way === 'pause' ? 'step' : 'wire', host.name, line),
      invalidations: plan.invalidations,
      commandTimeoutMs: simulation.commandTimeoutMs ?? 250,
      onTimeout: (what) => this.history.fault(`no answer in time: ${what}`),
    });
    const make = simulation.store ?? ((clock) => memoryStore({ clock }));
    this.store = new RestartableStore(() => make(this.clock));
    this.shared = simulation.shared(seededRandom(drawn(plan.seed, 'what all share')));
  }

  /** The process of this world whose code runs now. Undefined: it is the simulation's, or another world's. */
  get running(): SimulatedHost | undefined {
    const host = runningHost();
    return host && this.hosts.has(host) ? host : undefined;
  }

  /** Starts all processes. */
  async begin(): Promise<void> {
    for (let index = 0; index < this.plan.skewsMs.length; index++) {
      this.members[index] = await this.started(index);
    }
  }

  /** It ends at once: what it waited for never comes. */
  crash({ host }: Pick<Member<Service>, 'host'>): void {
    host.crash();
    this.network.drop(host);
    for (const call of this.history.calls) {
      if (call.process === host.name && !call.outcome) call.outcome = 'crashed';
    }
  }

  /** Whoever was cut off can be reached, whoever stood still goes on, and for whoever crashed another one is started. */
  async mend(): Promise<void> {
    const isBroken = this.network.isCut || this.members.some(({ host }) => host.isStill || host.isCrashed);
    if (!isBroken) return;
    this.network.mend();
    for (const { host, index } of [...this.members]) {
      if (host.isStill) host.goOn();
      if (host.isCrashed) this.members[index] = await this.started(index);
    }
    this.history.line('fault', undefined, 'all is mended');
  }

  /** Ends everything, once nobody asks any more. */
  async end(): Promise<void> {
    this.history.seal();
    const endings = Promise.all(
      this.members.map(({ host, service, process }) =>
        host.run(async () => {
          await this.simulation.stop?.(service);
          await process.close();
        }),
      ),
    );
    const passes = (): Promise<void> => this.clock.advanceTo(this.clock.now() + 10, () => this.settle());
    await this.until(endings, 'The stop of a service', () => true, passes);
  }

  /** All that follows without waiting has happened when this resolves. */
  async settle(): Promise<void> {
    await setImmediate();
  }

  private async started(index: number): Promise<Member<Service>> {
    const host = new SimulatedHost(`P${index}`, this.clock);
    host.clock.stepBy(this.plan.skewsMs[index] ?? 0);
    const random = seededRandom(drawn(this.plan.seed, `${host.name} ${this.hosts.size}`));
    this.hosts.add(host);
    const store = this.network.between(host, this.store);
    const { cache, protections, start } = this.simulation;
    const process = new SimulatedProcess(host, this.network, store, random, cache, protections);
    const starting = async (): Promise<Service> => {
      const service = await start(process, this.shared);
      await process.open();
      return service;
    };
    const service = await this.until(host.run(starting), 'The start of a service', (step) => step.host === host);
    return { index, host, process, service };
  }

  /** Lets happen what this waits for, in its order. */
  private async until<R>(
    work: Promise<R>,
    what: string,
    isNeeded: (step: Step) => boolean,
    idles?: () => Promise<void>,
  ): Promise<R> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    work.then(over, over);
    let idle = 0;
    for (await this.settle(); !isOver; await this.settle()) {
      const isDelivered = await this.network.deliver((steps) => steps.find(isNeeded));
      idle = isDelivered ? 0 : idle + 1;
      if (!isDelivered) await idles?.();
      if (idle > mostIdleRounds) {
        throw new SimulationError(
          `${what} does not come back, and waits for nothing that the simulation gives. Let it wait for process.step() and the cache alone.`,
        );
      }
    }
    return work;
  }
}
