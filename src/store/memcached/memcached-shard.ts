import { StoreUnavailableError } from '../../value/errors.js';
import type { Clock } from '../../value/clock.js';
import { assertStoreKey } from '../store-key.js';
import type { RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store.js';
import type { MemcachedServer } from './memcached-server.js';
import { ServerError } from './meta-connection.js';
import type { MetaConnection, MetaReply } from './meta-connection.js';
import { secondsToLive } from './seconds-to-live.js';

/** What memcached keeps with an item counts against its limit: a head, a revision, the key, a page's rounding. */
const itemOverheadBytes = 512;

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

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    const replies = await this.ask(storeKeys, (key) => `mg ${key} v c\r\n`);
    return replies.map((reply) => (reply.code === 'VA' ? this.item(reply) : undefined));
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const seconds = secondsToLive(stubMs, this.clock);
    const replies = await this.ask(storeKeys, (key) => `mg ${key} v c N${seconds}\r\n`);
    return replies.map((reply) => {
      if (reply.code !== 'VA') throw this.unexpected(reply);
      return { ...this.item(reply), won: reply.flags.includes('W') };
    });
  }

  async write(storeKey: string, bytes: Uint8Array, { lifeMs, only }: WriteOptions): Promise<WriteOutcome> {
    assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    if (typeof only === 'object' && only.session !== this.server.session) return { status: 'changed' };
    const maxBytes = this.maxBytes(storeKey);
    if (bytes.length > maxBytes) return this.refuseTooLarge(storeKey, maxBytes, only);
    const condition = only === undefined ? '' : only === 'absent' ? ' ME' : ` C${only.number}`;
    const command = `ms ${storeKey} ${bytes.length} c T${secondsToLive(lifeMs, this.clock)}${condition}\r\n`;
    const reply = await this.tell(connection, command, bytes);
    if (reply === 'too large') return this.refuseTooLarge(storeKey, maxBytes, only);
    if (reply.code === 'HD') return { status: 'stored', revision: this.revision(reply) };
    if (reply.code === 'NS') return { status: 'exists' };
    if (reply.code === 'EX' || reply.code === 'NF') return { status: 'changed' };
    throw this.unexpected(reply);
  }

  async remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    assertStoreKey(storeKey);
    const connection = this.server.ready ?? (await this.server.connected());
    if (revision && revision.session !== this.server.session) return 'changed';
    const reply = await this.tell(connection, `md ${storeKey}${revision ? ` C${revision.number}` : ''}\r\n`);
    if (reply === 'too large') throw this.server.unavailable('an answer that does not fit');
    if (reply.code === 'HD') return 'removed';
    if (reply.code === 'NF') return 'absent';
    if (reply.code === 'EX') return 'changed';
    throw this.unexpected(reply);
  }

  async increment(storeKey: string, by: number, seed: number): Promise<number> {
    const [reply] = await this.ask([storeKey], (key) => `ma ${key} v N0 J${seed} D${by}\r\n`);
    const sum = Number(reply?.value?.toString('latin1'));
    if (reply?.code !== 'VA' || !Number.isSafeInteger(sum))
      throw this.server.unavailable(`${storeKey} holds no counter`);
    return sum;
  }

  async touch(storeKey: string, lifeMs: number): Promise<boolean> {
    const [reply] = await this.ask([storeKey], (key) => `mg ${key} T${secondsToLive(lifeMs, this.clock)}\r\n`);
    return reply?.code === 'HD';
  }

  /** Commands of one turn, this batch's and others', leave in one write and are answered in order. */
  private async ask(storeKeys: readonly string[], command: (storeKey: string) => string): Promise<MetaReply[]> {
    for (const key of storeKeys) assertStoreKey(key);
    const connection = this.server.ready ?? (await this.server.connected());
    return new Promise((resolve, reject) => {
      const replies: MetaReply[] = new Array<MetaReply>(storeKeys.length);
      let left = storeKeys.length;
      if (left === 0) resolve(replies);
      for (const [index, key] of storeKeys.entries()) {
        connection.send(command(key), (error, reply) => {
          if (error || !reply) return reject(this.failed(error));
          replies[index] = reply;
          if (--left === 0) resolve(replies);
        });
      }
    });
  }

  private tell(connection: MetaConnection, command: string, body?: Uint8Array): Promise<MetaReply | 'too large'> {
    return new Promise((resolve, reject) => {
      const answer = (error: Error | undefined, reply: MetaReply | undefined): void => {
        if (reply) resolve(reply);
        else if (error instanceof ServerError && error.message.includes('too large')) resolve('too large');
        else reject(this.failed(error));
      };
      connection.send(command, answer, body);
    });
  }

  /** The server, too, removes the older item when it refuses a larger one; here it is done on purpose, and only where the write would have. */
  private async refuseTooLarge(storeKey: string, maxBytes: number, only: WriteOptions['only']): Promise<WriteOutcome> {
    if (only !== 'absent') await this.remove(storeKey, only);
    return { status: 'too-large', maxBytes };
  }

  private maxBytes(storeKey: string): number {
    const taken = (this.server.itemSizeMax ?? 2 ** 20) - itemOverheadBytes - storeKey.length;
    return Math.min(this.maxItemBytes, taken);
  }

  private item(reply: MetaReply): StoredItem {
    return { bytes: reply.value as Buffer, revision: this.revision(reply) };
  }

  private revision({ flags }: MetaReply): Revision {
    for (const flag of flags) {
      if (flag.charCodeAt(0) === 0x63) return { session: this.server.session, number: Number(flag.slice(1)) };
    }
    throw this.server.unavailable('an answer without its revision');
  }

  private failed(error: Error | undefined): StoreUnavailableError {
    return this.server.unavailable(error?.message ?? 'no answer', error);
  }

  private unexpected({ code }: MetaReply): StoreUnavailableError {
    return this.server.unavailable(`an unexpected ${code.slice(0, 20)}`);
  }
}
