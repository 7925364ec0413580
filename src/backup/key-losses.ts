import { otherReply } from '../store/redis/other-reply.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { redisScript } from '../store/redis/redis-script.js';
import { askAboutKeys, scriptHead } from './ask-about-keys.js';
import type { KeyNames } from './key-names.js';
import { keyArgument } from './key-argument.js';

/** What has become of a key that is not there without an expiration. */
export type KeyLoss = 'expiring' | 'gone';

// Most keys are there: only the others are told, by their place and what PTTL says of them.
const losses = redisScript(`${scriptHead}
local names, found, n, call = cmsgpack.unpack(ARGV[2]), { ARGV[1], 0 }, 2, redis.call
for place = 1, #names do
  local life = call('PTTL', names[place])
  if life ~= -1 then
    found[n + 1], found[n + 2] = place - 1, life
    n = n + 2
  end
end
found[2] = #names
return found`);

/** The keys that have an expiration or are gone, by their places among these; all others are there to last. All at one moment. @throws StoreUnavailableError */
export async function keyLosses(connection: RedisConnection, names: KeyNames): Promise<ReadonlyMap<number, KeyLoss>> {
  const probe = names.count > 0 ? [['PTTL', keyArgument(names.name(0))]] : [];
  const [count, ...found] = await askAboutKeys(connection, losses, [names.bytes], probe);
  if (count !== names.count) throw otherReply(connection);
  const lost = new Map<number, KeyLoss>();
  for (let index = 0; index < found.length; index += 2) {
    lost.set(Number(found[index]), found[index + 1] === -2 ? 'gone' : 'expiring');
  }
  return lost;
}
