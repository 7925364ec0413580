import { askScript } from '../store/redis/ask-script.js';
import type { RedisArgument } from '../store/redis/driver/redis-driver.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import { redisScript } from '../store/redis/redis-script.js';
import { RedisServerError } from '../store/redis/redis-server-error.js';
import { newWord } from '../store/redis/redis-word.js';
import { keyArgument } from './key-argument.js';
import { keyLives } from './key-lives.js';
import { nextPackedName, packedNames } from './packed-names.js';
import { refusedBy } from './refused-by.js';

/** Dumps that come at a time: a script goes on to the next key until it has so many bytes. */
const batchBytes = 2 ** 20;
/** A key that takes more memory is dumped by itself: a script would hold several copies of the dump in the server at a time. */
const largeBytes = 2 ** 20;

/** What became of some keys. */
export interface DumpedKeys {
  /** Those that were there without an expiration when they were dumped. */
  readonly records: readonly { readonly key: Buffer; readonly dump: Buffer }[];
  readonly expiring: number;
  readonly vanished: number;
}

/** The keys of a request that a reply does not dump. */
interface DumpReply extends DumpedKeys {
  readonly large: readonly Buffer[];
  /** It had enough bytes before these. */
  readonly rest: readonly Buffer[];
}

/** Instead of a dump. */
const expires = -1;
const isLarge = -3;

// Names of keys come as arguments: those of a page of SCAN belong to many slots. A script looks and dumps at one moment, in one trip, with one reply.
const dumps = redisScript(`#!lua flags=no-writes,allow-oom,allow-cross-slot-keys
local names, at, n, found, bytes, call = ARGV[2], 1, 1, { ARGV[1] }, 0, redis.call
local key
while at <= #names and bytes < ${batchBytes} do
  ${nextPackedName}
  n = n + 1
  local life = call('PTTL', key)
  if life ~= -1 then
    found[n] = life == -2 and life or ${expires}
  elseif call('MEMORY', 'USAGE', key) > ${largeBytes} then
    found[n] = ${isLarge}
  else
    local dump = call('DUMP', key)
    found[n] = dump
    bytes = bytes + #dump
  end
end
return found`);

/** Asks for the dumps of some keys. Several may be on their way: commands of one connection are carried out in their order. @throws StoreUnavailableError */
export async function askDumps(connection: RedisConnection, keys: readonly Buffer[]): Promise<DumpReply> {
  const word = newWord();
  const reply = await askScript(connection, dumps, ['0', word, packedNames(keys)]).catch(async (error: unknown) => {
    if (error instanceof RedisServerError && keys[0]) await tellRefused(connection, keyArgument(keys[0]));
    return refusedBy(connection)(error);
  });
  const [echo, ...found] = itemsOf(reply) ?? [];
  if (textOf(echo) !== word || found.length === 0 || found.length > keys.length) {
    connection.end('a reply to another command');
    throw connection.unavailable('a reply to another command');
  }
  const records: { key: Buffer; dump: Buffer }[] = [];
  const large: Buffer[] = [];
  let expiring = 0;
  for (let index = 0; index < found.length; index++) {
    const [key, dump] = [keys[index] as Buffer, found[index]];
    if (Buffer.isBuffer(dump)) records.push({ key, dump });
    else if (dump === isLarge) large.push(key);
    else if (dump === expires) expiring++;
  }
  const vanished = found.length - records.length - large.length - expiring;
  return { records, expiring, vanished, large, rest: keys.slice(found.length) };
}

/** A script that is refused does not say which of its commands is: they do. @throws StoreUnavailableError for the first that is. */
async function tellRefused(connection: RedisConnection, key: RedisArgument): Promise<void> {
  for (const command of [['PTTL'], ['MEMORY', 'USAGE'], ['DUMP']]) {
    await connection.ask([...command, key]).catch(refusedBy(connection));
  }
}

/** All dumps of a request: what its reply holds, and then what that leaves out, in batches. */
export async function* allDumps(
  connection: RedisConnection,
  asked: Promise<DumpReply>,
): AsyncGenerator<DumpedKeys, void> {
  for (let next: Promise<DumpReply> | undefined = asked; next;) {
    const { rest, large, ...dumped }: DumpReply = await next;
    next = undefined;
    if (rest.length > 0) {
      next = askDumps(connection, rest);
      next.catch(() => {});
    }
    yield dumped;
    for (const key of large) yield dumpAlone(connection, key);
  }
}

/** DUMP for one key, which may have got an expiration since it was looked at. */
async function dumpAlone(connection: RedisConnection, key: Buffer): Promise<DumpedKeys> {
  const [dump, [life = 'gone']] = await Promise.all([
    connection.ask(['DUMP', keyArgument(key)]).catch(refusedBy(connection)),
    keyLives(connection, packedNames([key]), 1),
  ]);
  const isDumped = Buffer.isBuffer(dump) && life === 'lasting';
  return {
    records: isDumped ? [{ key, dump }] : [],
    expiring: life === 'expiring' ? 1 : 0,
    vanished: isDumped || life === 'expiring' ? 0 : 1,
  };
}
