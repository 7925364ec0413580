import type { Store } from '../../store/store.js';
import { shardOverWire } from './shard-over-wire.js';
import type { SimulatedHost } from './simulated-host.js';
import type { Direction, SimulatedNetworkOptions, Step } from './step.js';

/** Which of the steps happens next; undefined: none. */
export type ChooseStep = (steps: readonly Step[]) => Step | undefined;

/** All that is under way between simulated processes and their store, and inside of their loaders, in no order at all. */
export class SimulatedNetwork {
  /** Shards, by their place in the store's list, that nobody can reach now. What they have answered before still arrives. */
  readonly away = new Set<number>();
  private readonly cuts = new Set<string>();
  private steps: Step[] = [];
  private readonly counts = new Map<string, number>();

  constructor(readonly options: SimulatedNetworkOptions) {}

  /** How many steps could happen now. */
  get underWay(): number {
    return this.possible.length;
  }

  /** Nothing comes to a process that stands still. */
  get possible(): readonly Step[] {
    return this.steps.filter(({ way, host }) => way === 'command' || !host.isStill);
  }

  /** Lets the chosen one happen. False: none was. */
  async deliver(choose: ChooseStep): Promise<boolean> {
    const step = choose(this.possible);
    if (!step) return false;
    this.take(step);
    this.options.note(step.what, step);
    await step.happen();
    return true;
  }

  /** The chosen command or answer is lost: its caller knows no more than that. False: none was. */
  lose(choose: ChooseStep): boolean {
    const step = choose(this.possible.filter(({ lose }) => lose));
    if (!step) return false;
    this.take(step);
    this.options.note(`LOST ${step.what}`, step);
    step.lose?.();
    return true;
  }

  /** The chosen command will arrive twice: its copy comes before or after it, while its caller waits for the answer. False: none was. */
  repeat(choose: ChooseStep): boolean {
    const step = choose(this.possible.filter(({ again }) => again));
    if (!step) return false;
    this.options.note(`REPEATED ${step.what}`, step);
    const happen = async (): Promise<void> => void (await step.again?.().catch(() => undefined));
    this.add({ what: `${step.what} (copy)`, host: step.host, way: 'command', shard: step.shard ?? 0, happen });
    return true;
  }

  /** Resolves when this is chosen. */
  pause(host: SimulatedHost, what: string): Promise<void> {
    return new Promise((resolve) => this.add({ what, host, way: 'pause', happen: resolve }));
  }

  /** From now on nothing passes in this direction between them; the other direction stays as it is. */
  cut(host: SimulatedHost, shard: number, direction: Direction): void {
    this.cuts.add(linkOf(host, shard, direction));
  }

  /** Ends all cuts, and brings back what was away. */
  mend(): void {
    this.cuts.clear();
    this.away.clear();
  }

  /** Whether something can't pass. */
  get isCut(): boolean {
    return this.cuts.size > 0 || this.away.size > 0;
  }

  passes(host: SimulatedHost, shard: number, direction: Direction): boolean {
    if (direction === 'commands' && this.away.has(shard)) return false;
    return !this.cuts.has(linkOf(host, shard, direction));
  }

  /** What the process has sent arrives or not, and nothing is answered to it. */
  drop(host: SimulatedHost): void {
    this.steps = this.steps.filter((step) => step.host !== host || step.way === 'command');
  }

  /** All that is under way to or from this shard is lost. */
  dropShard(shard: number): void {
    for (const step of this.steps.filter((one) => one.shard === shard)) {
      this.take(step);
      step.lose?.();
    }
  }

  /** The same store as a process sees it: each command takes a while to arrive, and its answer a while to come back. */
  between(host: SimulatedHost, store: Store): Store {
    const shards = store.shards.map((shard, index) => shardOverWire(this, host, shard, index));
    return {
      name: store.name,
      capabilities: { ...store.capabilities, reach: 'fleet' },
      shards: shards as unknown as Store['shards'],
      shardOf: (key) => shards[store.shards.indexOf(store.shardOf(key))] as Store['shards'][0],
      open: () => store.open(),
      close: () => store.close(),
    };
  }

  /** @internal */
  add(step: Omit<Step, 'id'>): Step {
    const count = (this.counts.get(step.what) ?? 0) + 1;
    this.counts.set(step.what, count);
    const added: Step = { ...step, id: `${step.what} #${count}` };
    this.steps.push(added);
    return added;
  }

  /** @internal */
  take(step: Step): void {
    const index = this.steps.indexOf(step);
    if (index >= 0) this.steps.splice(index, 1);
  }
}

const linkOf = ({ name }: SimulatedHost, shard: number, direction: Direction): string =>
  `${name} ${shard} ${direction}`;
