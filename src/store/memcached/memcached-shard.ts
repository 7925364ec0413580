import type { Clock } from '../../value/clock.js';
import type { StoreUnavailableError } from '../../value/errors.js';
import { assertStoreKey } from '../store-key.js';
import type { RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store.js';
import type { MemcachedServer } from './memcached-server.js';
import { ServerError } from './meta-connection.js';
import type { MetaConnection } from './meta-connection.js';
import type { MetaReply } from './meta-reply.js';
import { secondsToLive } from './seconds-to-live.js';
import { serverFacts } from './server-facts.js';

/** What memcached keeps with an item counts against its limit: a head, a revision, the key, a page's rounding. */
const itemOverheadBytes = 512;
/** Until the server has said its own. */
const usualItemSizeMax = 2 ** 20;

/** One memcached server, in the commands of its meta protocol (doc/protocol.txt of memcached 1.6). */
export class MemcachedShard implements Shard {
  readonly name: string;

  constructor(
    private readonly server: MemcachedServer,
    private readonly maxItemBytes: number,
    private readonly clock: Clock,
  ) {
    this.name = server.name;
  }

  /**
   * Whether the server makes room by throwing items away: locks and counters can be lost there. Started with `-M`, it refuses instead.
   * @throws StoreUnavailableError
   */
  async evicts(): Promise<boolean> {
    await this.server.connected();
    return this.server.evictsItems ?? true;
  }

  /** What the server counts, of all that it holds: others may keep items there. @throws StoreUnavailableError */
  async stats(): Promise<Readonly<Record<string, string | number>>> {
    const connection = this.server.ready ?? (await this.server.connected());
    return new Promise((resolve, reject) => {
      connection.stats('stats', (error, lines) => (error ? reject(this.failed(error)) : resolve(serverFacts(lines))));
    });
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.askEach(
      storeKeys,
      (key) => `mg ${key} v c`,
      (reply, session) => {
        if (reply.code === 'EN') return undefined;
        return { bytes: this.valueOf(reply), revision: this.revisionOf(reply, session) };
      },
    );
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const seconds = secondsToLive(stubMs, this.clock);
    return this.askEach(
      storeKeys,
      (key) => `mg ${key} v c N${seconds}`,
      (reply, session) => ({
        bytes: this.valueOf(reply),
        revision: this.revisionOf(reply, session),
        won: reply.won,
      }),
    );
  }

  async write(storeKey: string, bytes: Uint8Array, { lifeMs, only }: WriteOptions): Promise<WriteOutcome> {
    assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    if (typeof only === 'object' && only.session !== connection.session) return { status: 'changed' };
    const maxBytes = this.maxBytes(storeKey);
    if (bytes.length > maxBytes) return this.refuseTooLarge(connection, storeKey, maxBytes, only);
    const condition = only === undefined ? '' : only === 'absent' ? ' ME' : ` C${only.number}`;
    const command = `ms ${storeKey} ${bytes.length} c T${secondsToLive(lifeMs, this.clock)}${condition}`;
    const reply = await this.tell(connection, command, bytes);
    if (reply === 'too large') return { status: 'too-large', maxBytes };
    if (reply.code === 'HD') return { status: 'stored', revision: this.revisionOf(reply, connection.session) };
    if (reply.code === 'NS') return { status: 'exists' };
    if (reply.code === 'EX' || reply.code === 'NF') return { status: 'changed' };
    throw this.unexpected(reply);
  }

  async remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    return this.removeOver(connection, storeKey, revision);
  }

  async increment(storeKey: string, by: number, seed: number): Promise<number> {
    const [sum] = await this.askEach(
      [storeKey],
      (key) => `ma ${key} v N0 J${seed} D${by}`,
      (reply) => Number(this.valueOf(reply).toString('latin1')),
    );
    if (sum === undefined || !Number.isSafeInteger(sum)) throw this.server.unavailable(`${storeKey} holds no counter`);
    return sum;
  }

  async touch(storeKey: string, lifeMs: number): Promise<boolean> {
    const [touched] = await this.askEach(
      [storeKey],
      (key) => `mg ${key} T${secondsToLive(lifeMs, this.clock)}`,
      (reply) => {
        if (reply.code !== 'HD' && reply.code !== 'EN') throw this.unexpected(reply);
        return reply.code === 'HD';
      },
    );
    return touched === true;
  }

  /** One command per key. Commands of one turn, this batch's and others', leave in one write and are answered in order. */
  private askEach<R>(
    storeKeys: readonly string[],
    command: (storeKey: string) => string,
    read: (reply: MetaReply, session: number) => R,
  ): Promise<R[]> {
    try {
      for (const key of storeKeys) assertStoreKey(key);
    } catch (invalid) {
      return Promise.reject(invalid);
    }
    const { ready } = this.server;
    if (ready) return this.askOver(ready, storeKeys, command, read);
    return this.server.connected().then((made) => this.askOver(made, storeKeys, command, read));
  }

  private askOver<R>(
    connection: MetaConnection,
    storeKeys: readonly string[],
    command: (storeKey: string) => string,
    read: (reply: MetaReply, session: number) => R,
  ): Promise<R[]> {
    return new Promise((resolve, reject) => {
      const results = new Array<R>(storeKeys.length);
      let left = storeKeys.length;
      if (left === 0) resolve(results);
      for (let index = 0; index < storeKeys.length; index++) {
        connection.send(command(storeKeys[index] as string), (error, reply) => {
          if (!reply) return reject(this.failed(error));
          try {
            results[index] = read(reply, connection.session);
          } catch (unexpected) {
            return reject(unexpected);
          }
          if (--left === 0) resolve(results);
        });
      }
    });
  }

  private tell(connection: MetaConnection, command: string, body?: Uint8Array): Promise<MetaReply | 'too large'> {
    return new Promise((resolve, reject) => {
      const answer = (error: Error | undefined, reply: MetaReply | undefined): void => {
        if (reply) resolve(reply);
        else if (body && error instanceof ServerError && error.message.includes('too large')) resolve('too large');
        else reject(this.failed(error));
      };
      connection.send(command, answer, body);
    });
  }

  private async removeOver(
    connection: MetaConnection,
    storeKey: string,
    revision: Revision | undefined,
  ): Promise<RemoveOutcome> {
    if (revision && revision.session !== connection.session) return 'changed';
    const reply = await this.tell(connection, `md ${storeKey}${revision ? ` C${revision.number}` : ''}`);
    if (reply === 'too large') throw this.server.unavailable('an answer to another command');
    if (reply.code === 'HD') return 'removed';
    if (reply.code === 'NF') return 'absent';
    if (reply.code === 'EX') return 'changed';
    throw this.unexpected(reply);
  }

  /**
   * The server would remove the older item when it refuses a larger one, whatever the condition. So the larger one never leaves, and the older is
   * removed on purpose, only where the write would have replaced it.
   */
  private async refuseTooLarge(
    connection: MetaConnection,
    storeKey: string,
    maxBytes: number,
    only: WriteOptions['only'],
  ): Promise<WriteOutcome> {
    if (only === 'absent') {
      const present = await this.tell(connection, `mg ${storeKey}`);
      if (present !== 'too large' && present.code === 'HD') return { status: 'exists' };
    } else {
      const outcome = await this.removeOver(connection, storeKey, only);
      if (only && outcome !== 'removed') return { status: 'changed' };
    }
    return { status: 'too-large', maxBytes };
  }

  private maxBytes(storeKey: string): number {
    const taken = (this.server.itemSizeMax ?? usualItemSizeMax) - itemOverheadBytes - storeKey.length;
    return Math.min(this.maxItemBytes, taken);
  }

  private valueOf(reply: MetaReply): Buffer {
    if (!reply.value) throw this.unexpected(reply);
    return reply.value;
  }

  private revisionOf({ revision }: MetaReply, session: number): Revision {
    if (revision === undefined || !Number.isSafeInteger(revision))
      throw this.server.unavailable('an answer without its revision');
    return { session, number: revision };
  }

  private failed(error: Error | undefined): StoreUnavailableError {
    return this.server.unavailable(error?.message ?? 'no answer', error);
  }

  private unexpected({ code }: MetaReply): StoreUnavailableError {
    return this.server.unavailable(`an unexpected ${code.slice(0, 20)}`);
  }
}
