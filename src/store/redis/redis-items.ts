import type { StoredItem } from '../item.js';
import type { RedisReply } from './driver/redis-driver.js';
import { maxQuestions } from './asked-items.js';
import { writeRefused, wrongType } from './redis-commands.js';
import type { RedisCommands } from './redis-commands.js';
import { newRevision, sealItem } from './redis-item.js';
import { itemsOf } from './redis-reply.js';
import { lifeOnTheWire } from './told-change.js';

/** How the items of a shard are read, with a stub where nothing is, if one is wanted. */
export class RedisItems {
  constructor(private readonly commands: RedisCommands) {}

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.commands.again(() => this.readManyOnce(storeKeys));
  }

  private async readManyOnce(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    const keys = storeKeys.map((key) => this.commands.wireKey(key));
    // What readers watch is how they learn of the session: it can't wait for them.
    if (!keys.every((key) => this.commands.session.isWatched(key))) await this.commands.readable();
    if (keys.length === 0) return [];
    const parts: Promise<readonly RedisReply[]>[] = [];
    for (let first = 0; first < keys.length; first += maxQuestions) {
      parts.push(this.values(keys.slice(first, first + maxQuestions)));
    }
    const values = (await Promise.all(parts)).flat();
    const items = keys.map((key, index) => this.commands.itemOf(key, values[index]));
    if (!items.includes('foreign')) return items as (StoredItem | undefined)[];
    return Promise.all(items.map((item, index) => this.known(keys[index] as string, item, values[index])));
  }

  private async values(keys: readonly string[]): Promise<readonly RedisReply[]> {
    const values = itemsOf(await this.commands.ask(['MGET', ...keys]));
    if (values?.length !== keys.length) throw this.commands.crossed();
    return values;
  }

  /** What `itemOf` made of a value. What another process has replaced meanwhile is read again. */
  private async known(
    key: string,
    item: StoredItem | 'foreign' | undefined,
    value: RedisReply | undefined,
  ): Promise<StoredItem | undefined> {
    for (let tries = 0; item === 'foreign'; tries++) {
      const found = await this.commands.foreignOrCrossed(key, value as Buffer);
      if (found) return found;
      if (tries === 3) throw this.commands.crossed();
      value = await this.commands.ask(['GET', key]);
      item = this.commands.itemOf(key, value);
    }
    return item;
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const found = await this.readMany(storeKeys);
    return Promise.all(
      found.map(async (item, index) =>
        item ? { ...item, won: false } : this.stubAt(this.commands.wireKey(storeKeys[index] as string), stubMs),
      ),
    );
  }

  /** A stub where nothing is, or what has come there meanwhile. */
  stubAt(key: string, stubMs: number): Promise<StoredItem & { readonly won: boolean }> {
    return this.commands.again(() => this.stubOnce(key, stubMs));
  }

  private async stubOnce(key: string, stubMs: number): Promise<StoredItem & { readonly won: boolean }> {
    await this.commands.readable();
    const revision = newRevision();
    const stub = sealItem(key, revision, nothing);
    const won = { bytes: nothing, revision: { session: this.commands.session.number, number: revision }, won: true };
    const life = lifeOnTheWire({ lifeMs: stubMs });
    const stands = await this.commands.askToWrite(['SET', key, stub, 'NX', 'PX', life, 'GET']);
    // A server that takes no stub takes no fill either: whoever loads then is refused when he fills.
    if (stands === writeRefused) return won;
    const other =
      stands === wrongType
        ? this.commands.foreignItem()
        : await this.known(key, this.commands.itemOf(key, stands), stands);
    return other ? { ...other, won: false } : won;
  }
}

const nothing = Buffer.alloc(0);
