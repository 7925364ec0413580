import { compareBallots, isSameBallot } from '../../../src/store/memcached/list/list-mark.js';
import type { ListMark } from '../../../src/store/memcached/list/list-mark.js';
import { settleList } from '../../../src/store/memcached/list/settle-list.js';
import type { MarkAsk, MarkReply } from '../../../src/store/memcached/list/settle-list.js';

/** Several processes, each step of whose commands comes at some point between those of the others. */
export interface Story {
  readonly processes: number;
  /** What the source says, one after another. */
  readonly lists: readonly (readonly string[])[];
  /** Without, as a name's addresses come. */
  readonly versioned: boolean;
  /** How often a server restarts empty. */
  readonly losses: number;
  readonly steps: number;
  /** A server that nobody reaches from the first change on. */
  readonly dies?: string;
  /** Protections: false for a control. */
  readonly confirms: boolean;
  readonly closesOld: boolean;
  readonly waits: boolean;
  readonly looksTwice: boolean;
}

interface Server {
  mark: ListMark | undefined;
  revision: number;
  session: number;
  /** What is stored, by the list's id: the version of the one row, as it was read. */
  items: Map<string, number>;
}

export interface Told {
  /** Two lists were open at a time, or a reader was given what had been invalidated before it asked. */
  readonly broken: string | undefined;
  /** Lists that were worked on by the end. */
  readonly changes: number;
  readonly answered: number;
}

/** Longer than the source takes to reach everybody, with room for a whole pass. */
const boundSteps = 400;
const lagSteps = 60;

/** @param random from 0 to 1. */
export function tell(story: Story, random: () => number): Told {
  const integer = (below: number): number => Math.floor(random() * below);
  const servers = new Map<string, Server>();
  const serverAt = (name: string): Server => {
    let server = servers.get(name);
    if (!server) servers.set(name, (server = { mark: undefined, revision: 0, session: 0, items: new Map() }));
    return server;
  };
  let now = 0;
  let row = 1;
  let acknowledged = 1;
  let broken: string | undefined;
  let answered = 0;
  const used = new Set<string>();
  const { lists } = story;
  const changeEvery = Math.floor(story.steps / (lists.length + 1));
  const listAt = (step: number): number => Math.max(0, Math.min(lists.length - 1, Math.floor(step / changeEvery)));
  const isDead = (name: string): boolean => name === story.dies && listAt(now) > 0;

  const carryOut = ({ server: name, raise, open }: MarkAsk): MarkReply => {
    if (isDead(name)) return undefined;
    const server = serverAt(name);
    const put = (mark: ListMark): void => {
      server.mark = mark;
      server.revision++;
      if (!mark.isOpen) return;
      const openElsewhere = [...servers].find(([other, { mark: beside }]) => {
        const isAtWork = processes.some(({ list }) => isSameBallot(list, beside));
        return isAtWork && !isDead(other) && beside?.isOpen === true && !isSameBallot(beside, mark);
      });
      if (openElsewhere) broken ??= `step ${now}: ${name} and ${openElsewhere[0]} were open at two lists`;
    };
    if (open && open.seen.session === server.session && open.seen.number === server.revision) put(open.mark);
    const { mark } = server;
    if (raise && (!mark || (!isSameBallot(mark, raise) && compareBallots(mark, raise) < 0))) put(raise);
    return { mark: server.mark, revision: { session: server.session, number: server.revision } };
  };

  /** One key: its part is on the server that its number in the list says. */
  const ownerIn = (list: ListMark): string => list.servers[7 % list.servers.length] as string;

  class Process {
    list: ListMark | undefined;
    private since = new Map<string, number>();
    private found = new Map<string, number>();
    private lastPass = -Infinity;
    private readonly lag = integer(lagSteps);
    private running: Generator<undefined, void, undefined> | undefined;

    step(): void {
      this.running ??= now - this.lastPass > lagSteps || !this.list || integer(12) === 0 ? this.pass() : this.work();
      if (this.running.next().done) this.running = undefined;
    }

    private *pass(): Generator<undefined, void, undefined> {
      this.lastPass = now;
      this.since = this.found;
      this.found = new Map();
      const version = listAt(now - this.lag);
      const steps = settleList({
        listed: { servers: lists[version] as string[], version: story.versioned ? version : undefined },
        current: this.list,
        lasted: (what) => {
          const since = this.since.get(what) ?? now;
          this.found.set(what, since);
          return !story.waits || now - since >= boundSteps;
        },
        drawId: () => Array.from({ length: 6 }, () => 'abcdefghijklmnopqrstuvwxyz'[integer(26)]).join(''),
        firstNumber: now + 1,
        closesOld: story.closesOld,
        looksTwice: story.looksTwice,
      });
      let step = steps.next();
      while (!step.done) {
        const replies = new Array<MarkReply>(step.value.length);
        // Of several servers each is asked at a time of its own.
        const order = [...step.value.keys()].sort(() => random() - 0.5);
        for (const index of order) {
          yield;
          replies[index] = carryOut(step.value[index] as MarkAsk);
        }
        if (order.length === 0) yield;
        step = steps.next(replies);
      }
      if (step.value.status !== 'open') return;
      this.list = step.value.mark;
      used.add(this.list.id);
    }

    private *work(): Generator<undefined, void, undefined> {
      const list = this.list as ListMark;
      const name = ownerIn(list);
      const isWrite = integer(2) === 0;
      const begun = acknowledged;
      const mine = isWrite ? ++row : 0;
      yield;
      if (isDead(name)) return;
      const { items } = serverAt(name);
      if (isWrite) items.delete(list.id);
      else if (!items.has(list.id)) items.set(list.id, row);
      const read = items.get(list.id) as number;
      yield;
      const { mark } = serverAt(name);
      if (isDead(name) || (story.confirms && !(mark?.isOpen && isSameBallot(mark, list)))) return;
      answered++;
      if (isWrite) acknowledged = Math.max(acknowledged, mine);
      else if (read < begun) broken ??= `step ${now}: ${read} was read after ${begun} had been acknowledged`;
    }
  }

  const processes = Array.from({ length: story.processes }, () => new Process());
  const losesAt = new Set(Array.from({ length: story.losses }, () => integer(story.steps)));
  let last = 0;
  const stays = random() * 0.9;
  for (; now < story.steps && broken === undefined; now++) {
    if (losesAt.has(now)) {
      const known = [...servers.values()];
      const lost = known[integer(known.length)];
      if (lost) Object.assign(lost, { mark: undefined, revision: 0, session: lost.session + 1, items: new Map() });
    }
    if (random() > stays) last = integer(processes.length);
    // One that has just been started knows of nothing.
    if (integer(story.steps) < 2) processes[last] = new Process();
    processes[last]?.step();
  }
  return { broken, changes: used.size, answered };
}
