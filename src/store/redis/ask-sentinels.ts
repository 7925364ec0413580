import { StoreUnavailableError } from '../../value/errors.js';
import { setImmediate } from '../../value/turn.js';
import { obstacleIn } from '../obstacle.js';
import type { RedisAddress } from './redis-address.js';
import { redisAddress } from './redis-address.js';
import { RedisConnection } from './redis-connection.js';
import type { RedisCredentials } from './redis-credentials.js';
import { itemsOf, textOf } from './redis-reply.js';
import { redisUnavailable, refusalBehind } from './redis-server-error.js';
import type { RedisServerSettings } from './redis-server.js';

export interface SentinelFacts {
  readonly addresses: readonly RedisAddress[];
  readonly primaryName: string;
  readonly credentials: RedisCredentials;
}

/**
 * Where the primary is. All sentinels are asked at once: what more than half of them say counts at once, and what most of those say that answer in time
 * counts otherwise, so that one that was cut off from the others does not send clients to an old primary.
 * @throws StoreUnavailableError
 */
export function askSentinels(
  name: string,
  sentinels: SentinelFacts,
  settings: RedisServerSettings,
): Promise<RedisAddress> {
  const votes = new Map<string, { readonly address: RedisAddress; count: number }>();
  const { addresses } = sentinels;
  let left = addresses.length;
  let failed = 0;
  return new Promise((resolve, reject) => {
    const count = (address: RedisAddress | undefined): void => {
      left--;
      if (address) {
        const vote = votes.get(address.text) ?? { address, count: 0 };
        vote.count++;
        votes.set(address.text, vote);
        if (vote.count * 2 > addresses.length) return resolve(address);
      }
      if (left > 0) return;
      const [most] = [...votes.values()].sort((one, other) => other.count - one.count);
      if (most) return resolve(most.address);
      const remedy = 'Check the name that they know it by.';
      reject(
        new StoreUnavailableError(name, `no sentinel names a primary called ${sentinels.primaryName}`, { remedy }),
      );
    };
    const fail = (address: RedisAddress, error: unknown): void => {
      if (++failed === addresses.length) reject(unanswered(name, address, error));
      else count(undefined);
    };
    for (const address of addresses) {
      askOne(address, sentinels, settings).then(count, (error: unknown) => fail(address, error));
    }
  });
}

/** @param error why the last of them has not answered. */
function unanswered(name: string, { text }: RedisAddress, error: unknown): StoreUnavailableError {
  const { words } = obstacleIn(refusalBehind(error) ?? error);
  return redisUnavailable(name, `no sentinel answers (sentinel ${text}: ${words})`, { cause: error });
}

async function askOne(
  address: RedisAddress,
  { primaryName, credentials }: SentinelFacts,
  { driver, tls, clock, connectTimeoutMs, commandTimeoutMs }: RedisServerSettings,
): Promise<RedisAddress | undefined> {
  const attempt = new AbortController();
  let connection: RedisConnection | undefined;
  const timer = clock.after(connectTimeoutMs, () => setImmediate(() => attempt.abort()));
  try {
    const aborted = new Promise<never>((_, reject) => {
      attempt.signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
    });
    const { signal } = attempt;
    const onEnd = (reason: string): void => connection?.hasLost(reason);
    const linking = driver.connect({ address, database: 0, credentials, tls, signal, onEnd });
    linking.catch(() => {});
    const link = await Promise.race([linking, aborted]);
    connection = new RedisConnection(link, { name: `sentinel ${address.text}`, commandTimeoutMs, clock });
    const reply = itemsOf(await connection.ask(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', primaryName]));
    const [host, port] = (reply ?? []).map(textOf);
    return host === undefined ? undefined : redisAddress(host, Number(port));
  } finally {
    timer.cancel();
    connection?.end('it was asked');
    attempt.abort();
  }
}
