import { newRevision, openItem, sealItem } from '../../../src/store/redis/redis-item.js';
import { redisAddress } from '../../../src/store/redis/redis-address.js';
import { RedisCredentials } from '../../../src/store/redis/redis-credentials.js';
import { isOk } from '../../../src/store/redis/redis-reply.js';
import { RedisServer } from '../../../src/store/redis/redis-server.js';
import type { RedisReply } from '../../../src/store/redis/driver/redis-driver.js';
import { systemClock } from '../../../src/value/clock.js';
import { MeasuredLoad } from '../../support/measured-load.js';
import type { LoadReport } from '../../support/measured-load.js';
import { seededRandom } from '../../support/seeded-random.js';
import { serveWorker } from '../../support/serve-worker.js';
import { testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';

serveWorker(async ({ driver, port, perSecond }: { driver: TestedDriver; port: number; perSecond: number }) => {
  const address = redisAddress('127.0.0.1', port);
  if (!address) throw new Error('no port');
  const server = new RedisServer(address, {
    driver: await testedDriver(driver),
    database: 0,
    credentials: new RedisCredentials(),
    tls: undefined,
    connectTimeoutMs: 250,
    commandTimeoutMs: 250,
    clock: systemClock,
    random: Math.random,
  });
  const random = seededRandom(4);
  const load = new MeasuredLoad(perSecond, async (complain) => {
    const key = `load:${random.integer(0, 49)}`;
    const connection = await server.connected();
    /** What the store above does: a reply that can't be this command's ends the connection. */
    const refuse = (what: string): never => {
      connection.end(`a reply to another command: ${what}`);
      throw connection.unavailable('a reply to another command');
    };
    if (random.integer(0, 9) < 3) {
      const value = Buffer.from(`${key}=${'v'.repeat(random.integer(0, 3_000))}`);
      const reply = await connection.ask(['SET', key, sealItem(key, newRevision(), value), 'PX', '60000']);
      if (!isOk(reply)) refuse(typeof reply);
    } else {
      const reply: RedisReply = await connection.ask(['GET', key]);
      if (reply === null) return;
      const item = Buffer.isBuffer(reply) ? openItem(key, reply) : 'foreign';
      if (item === 'foreign' || item === 'digits') return refuse('an item');
      if (!item.payload.toString().startsWith(`${key}=`))
        complain(`${key} read ${item.payload.toString('utf8', 0, 40)}`);
    }
  });
  return {
    open: () => server.connected().then(() => undefined),
    startLoad: () => load.start(),
    report: (): LoadReport => load.report(),
    stopLoad: () => load.drain(),
    stop: (): void => {
      load.stop();
      server.close();
    },
  };
});
