import { afterEach, expect, it } from '@jest/globals';
import { RedisSubscriber } from '../../../src/store/redis/redis-subscriber.js';
import type { RedisAccess } from '../../../src/store/redis/redis-access.js';
import type { RedisConnection } from '../../../src/store/redis/redis-connection.js';
import { systemClock } from '../../../src/value/clock.js';
import { eventually } from '../../support/eventually.js';
import { patience } from '../../support/patience.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { openAccess } from './open-access.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Beyond the last turn of the subscriber's loop. */
const turns = 30;

interface Listening {
  readonly server: RedisProcess;
  readonly subscriber: RedisSubscriber;
  readonly connections: RedisConnection[];
}

/** @param confirmed called in the turn in which a subscription is confirmed. */
async function listening(confirmed: (channel: string, listening: Listening) => void): Promise<Listening> {
  const server = await startRedis();
  endings.push(() => server.stop());
  const access = await openAccess('built-in', { url: server.url, ...patience });
  const connections: RedisConnection[] = [];
  const subscriber = new RedisSubscriber({
    access: Object.assign(Object.create(access) as RedisAccess, {
      async ownConnection(...given: Parameters<RedisAccess['ownConnection']>) {
        const connection = await access.ownConnection(...given);
        connections.push(connection);
        return connection;
      },
    }),
    home: access.homeOf(0) ?? '',
    clock: systemClock,
    wake: (channel) => confirmed(channel, own),
    wakesAnew: true,
    pings: true,
  });
  const own = { server, subscriber, connections };
  endings.push(() => {
    subscriber.close();
    access.close();
  });
  return own;
}

const later = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

it('A channel is listened to in whichever turn it is asked for', async () => {
  const seen: string[] = [];
  const { subscriber, server } = await listening((channel, own) => {
    seen.push(channel);
    if (seen.length < turns) void later(seen.length).then(() => own.subscriber.add(`c${seen.length}`, 0));
  });
  subscriber.add('c0', 0);
  await eventually(() => expect(seen).toHaveLength(turns));
  const last = `c${turns - 1}`;
  expect(await server.text('PUBSUB', 'NUMSUB', last)).toBe(`${last},1`);
});

it('A connection is made anew in whichever turn it was lost', async () => {
  let confirmed = 0;
  const { subscriber } = await listening((_, { connections }) => {
    confirmed++;
    if (confirmed < turns) void later(confirmed).then(() => connections.at(-1)?.end('the test has ended it'));
  });
  subscriber.add('c', 0);
  await eventually(() => expect(confirmed).toBe(turns));
});
