import type { Clock } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { askScript } from './ask-script.js';
import { itemsOf, textOf } from './redis-reply.js';
import type { RedisReply } from './driver/redis-driver.js';
import type { RedisConnection } from './redis-connection.js';
import type { MetIncarnation } from './redis-partition.js';
import type { RedisScript } from './redis-script.js';
import { RedisServerError, takesNoWrites, UnsettledError } from './redis-server-error.js';
import { newLineage, newWord } from './redis-word.js';
import { driftPerMs } from '../../value/drift-per-ms.js';
import { setImmediate } from '../../value/turn.js';
import { isFeedSettled, settleFeed } from './settle-scripts.js';

/** What becomes of the entries when another server, or the same one with other data, answers. */
export type AfterFailover = 'distrust' | 'trust';

interface FeedWatcher {
  readonly wake: () => void;
  readonly reader: number | undefined;
}

export interface SessionSettings {
  readonly name: string;
  readonly afterFailover: AfterFailover;
  /** How long a reading may be held up. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** False only in tests that show what happens when every incarnation is taken for one. */
  readonly checksIncarnation: boolean;
}

/** The keys of one feed. */
export interface FeedKeys {
  readonly counter: string;
  readonly watch: string;
  readonly incarnation: string;
}

/**
 * The time during which one incarnation of the data answers: one process, with one history. Revisions hold within it, and marks of feeds.
 *
 * A server that was restarted from its snapshot, and a replica that was promoted, may hold what was invalidated before. So, before any other command:
 * 1. the session ends, and with it every lease; 2. each feed that this process knows is lifted; 3. its readers are woken, and no item is read until they
 * were told of the gap.
 */
export class RedisSession {
  /** Names the session. */
  number = 0;
  /** How often this process has begun to write an item that readers of a feed watch. */
  watchedWrites = 0;
  private incarnation = '';
  private same = '';
  private cameFrom = '';
  /** When it answered last. */
  private answeredAt = 0;
  private readonly feeds = new Map<string, FeedKeys>();
  private readonly settled = new Set<string>();
  private readonly watchers = new Map<string, Set<FeedWatcher>>();
  /** Readers of each feed that have still to learn of the session. */
  private readonly unread = new Map<string, Set<number | undefined>>();
  /** Those who wait for them. */
  private readonly waiting = new Set<() => void>();

  constructor(private readonly settings: SessionSettings) {}

  /**
   * Called on a connection before any other command.
   * @param answeredAt when a command on keys was answered last, on the monotonic clock: what was acknowledged to this process is older.
   * @throws StoreUnavailableError, RedisServerError
   */
  async meet(connection: RedisConnection, { present, same, known }: MetIncarnation, answeredAt: number): Promise<void> {
    this.settled.clear();
    const isAnother = known !== undefined && !known.startsWith(same) && this.settings.checksIncarnation;
    // It may be met several times until its slot has arrived.
    if (isAnother && present !== this.incarnation) this.number++;
    this.incarnation = present;
    this.same = same;
    this.cameFrom = known ?? '';
    this.answeredAt = answeredAt;
    await Promise.all([...this.feeds].map(([feed, keys]) => this.settle(connection, feed, keys)));
    if (!isAnother) return;
    for (const [feed, watchers] of this.watchers) {
      this.unread.set(feed, new Set([...watchers].map(({ reader }) => reader)));
    }
    this.wakeAll();
  }

  /** Whether this feed has begun in this session. */
  isSettled(feed: string): boolean {
    return this.settled.has(feed);
  }

  /** The feed begins, or is lifted, where that was not done in this session. @throws StoreUnavailableError, RedisServerError */
  async ready(connection: RedisConnection, feed: string, keys: FeedKeys): Promise<void> {
    this.feeds.set(feed, keys);
    if (!this.settled.has(feed)) await this.settle(connection, feed, keys);
  }

  /** Begins a new lineage where the feed was lost. @throws StoreUnavailableError, RedisServerError */
  async settle(connection: RedisConnection, feed: string, { counter, watch, incarnation }: FeedKeys): Promise<void> {
    const { clock, afterFailover, checksIncarnation } = this.settings;
    const names = checksIncarnation ? [this.incarnation, this.same, this.cameFrom] : ['any', 'any', ''];
    const ask = async (script: RedisScript, ...further: readonly string[]): Promise<RedisReply | undefined> => {
      const word = newWord();
      const silentMs = Math.floor((clock.monotonic() - this.answeredAt) * (1 - driftPerMs));
      const rest = ['3', counter, watch, incarnation, word, ...names, String(silentMs), ...further];
      const [echo, answer] = itemsOf(await askScript(connection, script, rest, true)) ?? [];
      if (textOf(echo) !== word) throw connection.unavailable('a reply to another command');
      return answer;
    };
    if ((await ask(isFeedSettled)) !== 1) {
      const seed = String(Math.floor(clock.now()) * 1_000);
      await ask(settleFeed, seed, newLineage(), afterFailover === 'trust' ? 'spare' : '').catch((error: unknown) => {
        if (error instanceof RedisServerError && takesNoWrites.has(error.code)) throw new UnsettledError(error.message);
        throw error;
      });
    }
    this.settled.add(feed);
  }

  /** Whether readers of a feed watch this item. */
  isWatched(wireKey: string): boolean {
    for (const { watch } of this.feeds.values()) if (watch === wireKey) return true;
    return false;
  }

  /** Called before an item is written. */
  willWrite(wireKey: string): void {
    if (this.isWatched(wireKey)) this.watchedWrites++;
  }

  /** A mark of another session is a gap. */
  markId(lineage: string): string {
    return `${lineage}/${this.number}`;
  }

  lineageOf(markId: string): string | undefined {
    const [lineage = '', session] = markId.split('/');
    return session === String(this.number) ? lineage : undefined;
  }

  /** A reader of the feed, who is told when it may have lost something. Returns how to forget it. */
  watch(feed: string, wake: () => void, reader: number | undefined): () => void {
    const watchers = this.watchers.get(feed) ?? new Set();
    const watcher = { wake, reader };
    this.watchers.set(feed, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (![...watchers].some((other) => other.reader === reader)) this.wasRead(feed, reader);
      if (watchers.size === 0) this.watchers.delete(feed);
    };
  }

  hasSeveralReaders(feed: string): boolean {
    return (this.watchers.get(feed)?.size ?? 0) > 1;
  }

  wake(feed: string): void {
    for (const { wake } of this.watchers.get(feed) ?? []) setImmediate(wake);
  }

  private wakeReader(feed: string, reader: number | undefined): void {
    for (const watcher of this.watchers.get(feed) ?? []) if (watcher.reader === reader) setImmediate(watcher.wake);
  }

  wakeAll(): void {
    for (const feed of this.watchers.keys()) this.wake(feed);
  }

  /**
   * A reader of this feed has done with what it was told of the session:
   *
   * 1. its reading is answered, and tells of a gap; 2. it has to read the list of versions once more, since another reading of it came first; 3. only then
   * does it drop what it holds. An item that is read between 1 and 3 would be judged by the list from before. So would one that another reader of the
   * same feed asks for meanwhile: each cache judges by its own list.
   */
  wasRead(feed: string, reader: number | undefined): void {
    const readers = this.unread.get(feed);
    if (!readers?.delete(reader) || readers.size > 0) return;
    this.unread.delete(feed);
    if (this.holdsReadings) return;
    for (const release of this.waiting) release();
  }

  /** The reading of this reader was answered. If it has still to learn of the session, it is woken: it asks again when it has done with the gap. */
  wasAnswered(feed: string, reader: number | undefined): void {
    if (this.unread.get(feed)?.has(reader) === true) this.wakeReader(feed, reader);
  }

  get holdsReadings(): boolean {
    return this.unread.size > 0;
  }

  /** Resolves when all readers know of the session. @throws StoreUnavailableError */
  async allRead(): Promise<void> {
    const { clock, deadlineMs, name } = this.settings;
    if (!this.holdsReadings) return;
    return new Promise((resolve, reject) => {
      const timer = clock.after(deadlineMs, () => {
        this.waiting.delete(release);
        reject(new StoreUnavailableError(name, 'its data is another one, and not vouched for yet'));
      });
      const release = (): void => {
        this.waiting.delete(release);
        timer.cancel();
        resolve();
      };
      this.waiting.add(release);
    });
  }
}
