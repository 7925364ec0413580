import type { Change, Invalidated, Invalidation } from '../../../src/store/feed.js';
import type { Shard, Store } from '../../../src/store/store.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import type { SeededRandom } from '../seeded-random.js';

/** Something that is on its way and happens when it is picked. */
interface Step {
  readonly what: string;
  readonly happen: () => void | Promise<void>;
  readonly lose?: () => void;
}

/** Everything that is on its way between simulated processes and their store, and inside of loaders, in no order at all. */
export class SimulatedNetwork {
  private readonly steps: Step[] = [];
  /** Parts of the store, by their place in its list, that nobody can reach now. */
  readonly away = new Set<number>();

  constructor(
    private readonly random: SeededRandom,
    private readonly trace: (line: string) => void,
    /** True: an invalidation is one transaction. False: its parts arrive one after the other, and others may act in between. */
    private readonly transactions = true,
  ) {}

  get underWay(): number {
    return this.steps.length;
  }

  /** Lets any one of them happen. */
  async deliverOne(): Promise<void> {
    const [step] = this.steps.splice(this.random.integer(0, this.steps.length - 1), 1);
    if (!step) return;
    this.trace(step.what);
    await step.happen();
  }

  /** Lets the oldest one happen that is called so. False: there is none. */
  async deliver(called: RegExp): Promise<boolean> {
    const index = this.steps.findIndex(({ what }) => called.test(what));
    const [step] = index < 0 ? [] : this.steps.splice(index, 1);
    if (!step) return false;
    this.trace(step.what);
    await step.happen();
    return true;
  }

  /** The command or its answer is lost: the caller knows no more than that. */
  loseOne(): void {
    const losable = this.steps.filter(({ lose }) => lose);
    if (losable.length === 0) return;
    const step = this.random.pick(losable);
    this.steps.splice(this.steps.indexOf(step), 1);
    this.trace(`LOST ${step.what}`);
    step.lose?.();
  }

  /** Resolves when this is picked. */
  pause(what: string): Promise<void> {
    return new Promise((resolve) => this.steps.push({ what, happen: resolve }));
  }

  /** The same store as a process sees it: each command takes a while to arrive, and its answer a while to come back. */
  between(process: string, store: Store): Store {
    const shards = store.shards.map((shard, index) => this.overWire(process, shard, index)) as [Shard, ...Shard[]];
    return {
      name: store.name,
      capabilities: store.capabilities,
      shards,
      shardOf: (key) => shards[store.shards.indexOf(store.shardOf(key))] as Shard,
      open: () => store.open(),
      close: () => store.close(),
    };
  }

  private overWire(process: string, shard: Shard, index: number): Shard {
    const send = <R>(what: string, command: () => Promise<R>): Promise<R> =>
      new Promise((resolve, reject) => {
        const lose = (): void => reject(new StoreUnavailableError(shard.name, 'lost on the way'));
        const arrive = async (): Promise<void> => {
          if (this.away.has(index)) return lose();
          const answer = await command();
          this.steps.push({ what: `${process} <- ${what}`, happen: () => resolve(answer), lose });
        };
        this.steps.push({ what: `${process} -> ${what}`, happen: arrive, lose });
      });
    return {
      name: shard.name,
      readMany: (keys) => send(`read ${keys.join(' ')}`, () => shard.readMany(keys)),
      readOrStub: (keys, stubMs) => send(`read or stub ${keys.join(' ')}`, () => shard.readOrStub(keys, stubMs)),
      write: (key, bytes, options) =>
        send(`write ${key}${options.only ? ' if' : ''}`, () => shard.write(key, bytes, options)),
      remove: (key, revision) => send(`remove ${key}${revision ? ' if' : ''}`, () => shard.remove(key, revision)),
      increment: (key, by, seed, lifeMs) => {
        // Its last three digits are drawn by chance, and a story told again must draw the same.
        const drawn = seed - (seed % 1_000) + this.random.integer(0, 999);
        return send(`increment ${key} by ${by}`, () => shard.increment(key, by, drawn, lifeMs));
      },
      touch: (key, lifeMs) => send(`touch ${key}`, () => shard.touch(key, lifeMs)),
      invalidate: async (asked) => {
        const what = `invalidate ${asked.changes.map(keyOf).join(' ')}`;
        if (this.transactions) return send(what, () => invalidateOn(shard, asked));
        return this.inOrder(what, process, index, asked, (part) => invalidateOn(shard, part));
      },
      readFeed: (question) => send('read the feed', () => shard.readFeed?.(question) ?? missing()),
    };
  }

  /** As a server without transactions has it: changes, append, changes again, each a step of its own, and one answer. */
  private inOrder(
    what: string,
    process: string,
    index: number,
    asked: Invalidation,
    carryOut: (part: Invalidation) => Promise<Invalidated>,
  ): Promise<Invalidated> {
    const again = asked.changes.filter((change) => !('write' in change));
    const parts: readonly [string, Invalidation][] = [
      ['changes', { ...asked, records: [] }],
      ['append', { ...asked, changes: [] }],
      ['changes again', { ...asked, changes: again, records: [] }],
    ];
    return new Promise((resolve, reject) => {
      const lose = (): void => reject(new StoreUnavailableError('simulated', 'lost on the way'));
      const step = (next: number, answers: readonly Invalidated[]): void => {
        const part = parts[next];
        if (!part) {
          const [first, , last] = answers as [Invalidated, Invalidated, Invalidated];
          const answer = { outcomes: first.outcomes, watched: last.watched };
          this.steps.push({ what: `${process} <- ${what}`, happen: () => resolve(answer), lose });
          return;
        }
        const happen = async (): Promise<void> => {
          if (this.away.has(index)) return lose();
          step(next + 1, [...answers, await carryOut(part[1])]);
        };
        this.steps.push({ what: `${process} -> ${what}: ${part[0]}`, happen, lose });
      };
      step(0, []);
    });
  }
}

const keyOf = (change: Change): string =>
  'remove' in change ? change.remove : 'advance' in change ? change.advance : `${change.write} =`;

const missing = (): never => {
  throw new Error('the store has no feed');
};

const invalidateOn = (shard: Shard, asked: Invalidation): Promise<Invalidated> =>
  shard.invalidate?.(asked) ?? missing();
