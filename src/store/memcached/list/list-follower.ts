import { randomInt } from 'node:crypto';
import type { Clock, Timer } from '../../../value/clock.js';
import { channels, reportFault } from '../../../value/events.js';
import { Lasting } from './lasting.js';
import { messageOf } from '../../../value/message-of.js';
import { compareBallots, isSameBallot } from './list-mark.js';
import type { ListMark } from './list-mark.js';
import { canonicalList } from './server-source.js';
import type { ServerSource, SourceNetwork } from './server-source.js';
import { settleList } from './settle-list.js';
import type { MarkAsk, MarkReply, Settled, Situation } from './settle-list.js';
import { within } from './source-network.js';

export interface FollowerOptions {
  /** The store's name, for events. */
  readonly store: string;
  readonly source: ServerSource;
  readonly network: SourceNetwork;
  readonly everyMs: number;
  /** How long a command may wait for a look. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  /** Asks one server for its mark; a server that the source has never named is not asked. */
  readonly ask: (ask: MarkAsk) => Promise<MarkReply>;
  /** These servers were named. */
  readonly named: (servers: readonly string[]) => void;
  /** This process works on the list from now on. */
  readonly adopted: (list: ListMark) => void;
  readonly closesOld: boolean;
}

/** What the source may take to reach every process, in times of `every`, and one more. */
const boundInTimes = 3;
/** How long a list is worked on though nobody vouched for it, in times of `every`. Less than the bound. */
const trustInTimes = 2;
/** However many commands find a server elsewhere, it is not looked more often than so many times in `every`. */
const restInTimes = 50;
const sourceDeadlineMs = 5_000;
const quickTries = 20;
const idCharacters = 'abcdefghijklmnopqrstuvwxyz0123456789';

interface Silent {
  readonly status: 'silent';
  /** All servers stand at the list that this process works on. */
  readonly vouched: boolean;
  readonly reason: string;
}

/** Asks the source again and again, and takes part in changing the list. */
export class ListFollower {
  private list: ListMark | undefined;
  /** Why this process works on no list; undefined: it does. */
  private reason: string | undefined = 'its list of servers is not known yet';
  /** By both clocks: a machine that is suspended stops the monotonic one, and one whose time is set moves the other. */
  private trustedUntil = { monotonic: -Infinity, wall: -Infinity };
  private readonly lasting: Lasting;
  private timer: Timer | undefined;
  /** When it was last looked, and when it will be next. */
  private passedAt = -Infinity;
  private nextAt = Infinity;
  private passing: Promise<Settled['status'] | 'silent'> | undefined;
  private isClosed = true;
  private said: string | undefined;

  constructor(private readonly options: FollowerOptions) {
    this.lasting = new Lasting(options.clock, boundInTimes * options.everyMs);
  }

  /** Resolves when the list is known, or can't be known at once. */
  async open(): Promise<void> {
    if (!this.isClosed) return;
    this.isClosed = false;
    for (let tries = 0; tries < quickTries && (await this.pass()) === 'again'; tries++);
  }

  close(): void {
    this.isClosed = true;
    this.reason = 'it was closed';
    this.timer?.cancel();
  }

  /** Looks first where nobody vouches for the list any more, as after a pause of the process. @throws Error that says why there is none */
  async listInForce(): Promise<ListMark> {
    const { clock, patienceMs } = this.options;
    if (this.isLapsed) await within(this.pass(), patienceMs, clock).catch(ignore);
    const { list, reason } = this;
    if (!list || reason !== undefined) throw new Error(reason);
    if (this.isLapsed) throw new Error('nobody vouches for its list of servers now');
    return list;
  }

  private get isLapsed(): boolean {
    const { list, reason, trustedUntil } = this;
    const { clock } = this.options;
    if (!list || reason !== undefined) return false;
    return clock.monotonic() > trustedUntil.monotonic || clock.now() > trustedUntil.wall;
  }

  /** A server was found to stand elsewhere than at the list in force. */
  moved(mark: ListMark | undefined): void {
    if (mark && this.list && compareBallots(mark, this.list) > 0)
      this.reason ??= 'its list of servers is being changed';
    const { clock, everyMs } = this.options;
    const soon = Math.max(0, this.passedAt + everyMs / restInTimes - clock.monotonic());
    if (!this.passing && clock.monotonic() + soon < this.nextAt) this.passAfter(soon);
  }

  private passAfter(delayMs: number): void {
    const { clock } = this.options;
    this.timer?.cancel();
    this.nextAt = clock.monotonic() + delayMs;
    if (!this.isClosed) this.timer = clock.after(delayMs, () => void this.pass());
  }

  /** Never rejects. */
  private pass(): Promise<Settled['status'] | 'silent'> {
    this.passing ??= this.look().finally(() => (this.passing = undefined));
    return this.passing;
  }

  private async look(): Promise<Settled['status'] | 'silent'> {
    const { clock, random, everyMs } = this.options;
    const trustMs = trustInTimes * everyMs;
    const trustedUntil = { monotonic: clock.monotonic() + trustMs, wall: clock.now() + trustMs };
    const settled = await this.settle();
    if (this.isClosed) return 'waiting';
    this.passedAt = clock.monotonic();
    if (settled.status === 'open') this.adopt(settled.mark);
    else if (settled.status !== 'silent' && this.list && settled.top && !isSameBallot(settled.top, this.list))
      this.reason = settled.status === 'waiting' ? settled.reason : 'its list of servers is being changed';
    else if (settled.status === 'waiting' && !this.list) this.reason = settled.reason;
    if (settled.status !== 'silent' || settled.vouched) this.trustedUntil = trustedUntil;
    this.say(settled.status === 'waiting' || settled.status === 'silent' ? settled.reason : undefined);
    this.passAfter(
      settled.status === 'again' ? 10 + 50 * random() : settled.status === 'open' ? everyMs : Math.min(everyMs, 1_000),
    );
    return settled.status;
  }

  private async settle(): Promise<Settled | Silent> {
    const { source, network, clock } = this.options;
    this.lasting.begin();
    let listed;
    try {
      listed = canonicalList(await within(source.list(network), sourceDeadlineMs, clock));
    } catch (error) {
      return this.goOn(`its source does not answer (${messageOf(error)})`);
    }
    // What is met now, nobody would close.
    if (this.isClosed) return { status: 'silent', vouched: false, reason: 'it was closed' };
    this.options.named(listed.servers);
    return this.take(listed, this.lasting.lasted);
  }

  /** While the source is silent, all servers of the list have to stand at it: whoever changes the list tells one of them first. */
  private async goOn(reason: string): Promise<Silent> {
    const { list } = this;
    if (!list) return { status: 'silent', vouched: false, reason };
    // One that has restarted is told again, as long as another one knows.
    await this.take(list, () => false);
    const replies = await Promise.all(list.servers.map((server) => this.options.ask({ server })));
    const vouched = replies.every((reply) => reply?.mark?.isOpen && isSameBallot(reply.mark, list));
    return { status: 'silent', vouched, reason };
  }

  private async take(listed: Situation['listed'], lasted: Situation['lasted']): Promise<Settled> {
    const { clock, closesOld, ask } = this.options;
    const steps = settleList({
      listed,
      current: this.list,
      lasted,
      drawId: () => Array.from({ length: 6 }, () => idCharacters[randomInt(idCharacters.length)]).join(''),
      // Greater than what was forgotten, as long as no clock was put back.
      firstNumber: Math.floor(clock.now() / 1_000),
      closesOld,
      looksTwice: true,
    });
    let step = steps.next();
    while (!step.done) step = steps.next(await Promise.all(step.value.map(ask)));
    return step.value;
  }

  private adopt(list: ListMark): void {
    const { store, source } = this.options;
    const isNew = !isSameBallot(list, this.list);
    this.list = list;
    if (isNew) this.options.adopted(list);
    this.reason = undefined;
    if (!isNew || !channels.serversChanged.hasSubscribers) return;
    const { number, version, servers } = list;
    channels.serversChanged.publish({ store, source: source.name, number, version, servers });
  }

  /** Once for each reason that lasts. */
  private say(reason: string | undefined): void {
    if (reason === undefined) this.said = undefined;
    if (reason === undefined || this.said === reason) return;
    this.said = reason;
    const { store, source } = this.options;
    const place =
      this.list && this.reason === undefined ? 'It goes on with the list that it has' : 'It is not used now';
    reportFault({
      source: `${store} ${source.name}`,
      kind: 'degraded',
      message: `${source.name}: ${reason}. ${place}.`,
    });
  }
}

function ignore(): void {}
