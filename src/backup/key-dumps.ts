import { otherReply } from '../store/redis/other-reply.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { redisScript } from '../store/redis/redis-script.js';
import { refusedBy } from '../store/redis/refused-by.js';
import { askAboutKeys, scriptHead } from './ask-about-keys.js';
import { keyArgument } from './key-argument.js';
import { keyLosses } from './key-losses.js';
import { KeyNames } from './key-names.js';

/** Dumps that come at a time: a script goes on to the next key until it has so many bytes. */
const batchBytes = 2 ** 20;
/** A key that takes more memory is dumped by itself: a script would hold several copies of the dump in the server at a time. */
const largeBytes = 2 ** 20;

/** What became of some keys. */
export interface DumpedKeys {
  readonly names: KeyNames;
  /** Of each of these names, from the first: its dump, or nothing where the key had an expiration or was gone. */
  readonly dumps: readonly (Buffer | undefined)[];
  /** How many dumps there are. */
  readonly records: number;
  readonly expiring: number;
  readonly vanished: number;
}

interface DumpReply extends DumpedKeys {
  /** The places of keys that are dumped by themselves. */
  readonly large: readonly number[];
}

/** Instead of a dump. */
const expires = -1;
const isLarge = -3;

// A script looks and dumps at one moment, in one trip, with one reply. One piece of all dumps would cost the server as much again.
const dumps = redisScript(`${scriptHead}
local names, found, bytes, call = cmsgpack.unpack(ARGV[2]), { ARGV[1] }, 0, redis.call
for place = 1, #names do
  local key = names[place]
  local life = call('PTTL', key)
  if life ~= -1 then
    found[place + 1] = life == -2 and life or ${expires}
  elseif call('MEMORY', 'USAGE', key) > ${largeBytes} then
    found[place + 1] = ${isLarge}
  else
    local dump = call('DUMP', key)
    found[place + 1] = dump
    bytes = bytes + #dump
    if bytes >= ${batchBytes} then break end
  end
end
return found`);

/** Asks for the dumps of some keys. Several may be on their way: commands of one connection are carried out in their order. @throws StoreUnavailableError */
export async function askDumps(connection: RedisConnection, names: KeyNames): Promise<DumpReply> {
  const key = keyArgument(names.name(0));
  const commands = [
    ['PTTL', key],
    ['MEMORY', 'USAGE', key],
    ['DUMP', key],
  ];
  const found = await askAboutKeys(connection, dumps, [names.bytes], commands);
  if (found.length === 0 || found.length > names.count) throw otherReply(connection);
  const large: number[] = [];
  let [records, expiring] = [0, 0];
  const dumped = found.map((one, place) => {
    if (Buffer.isBuffer(one)) {
      records++;
      return one;
    }
    if (one === isLarge) large.push(place);
    else if (one === expires) expiring++;
    return undefined;
  });
  const vanished = found.length - records - large.length - expiring;
  return { names, dumps: dumped, records, expiring, vanished, large };
}

/** All dumps of a request: what its reply holds, and then what that leaves out, in batches. */
export async function* allDumps(
  connection: RedisConnection,
  asked: Promise<DumpReply>,
): AsyncGenerator<DumpedKeys, void> {
  for (let next: Promise<DumpReply> | undefined = asked; next;) {
    const reply: DumpReply = await next;
    const { names, dumps, large } = reply;
    next = undefined;
    if (dumps.length < names.count) {
      // It had enough bytes before these.
      next = askDumps(connection, names.slice(dumps.length));
      next.catch(() => {});
    }
    yield reply;
    for (const place of large) yield dumpAlone(connection, names.name(place));
  }
}

/** DUMP for one key, which may have got an expiration since it was looked at. */
async function dumpAlone(connection: RedisConnection, key: Buffer): Promise<DumpedKeys> {
  const names = KeyNames.of([key]);
  const [dump, losses] = await Promise.all([
    connection.ask(['DUMP', keyArgument(key)]).catch(refusedBy(connection)),
    keyLosses(connection, names),
  ]);
  const isExpiring = losses.get(0) === 'expiring';
  const isDumped = Buffer.isBuffer(dump) && losses.size === 0;
  return {
    names,
    dumps: [isDumped ? dump : undefined],
    records: isDumped ? 1 : 0,
    expiring: isExpiring ? 1 : 0,
    vanished: isDumped || isExpiring ? 0 : 1,
  };
}
