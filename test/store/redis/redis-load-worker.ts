import { monitorEventLoopDelay } from 'node:perf_hooks';
import { newRevision, openItem, sealItem } from '../../../src/store/redis/redis-item.js';
import { redisAddress } from '../../../src/store/redis/redis-address.js';
import { RedisCredentials } from '../../../src/store/redis/redis-credentials.js';
import { isOk } from '../../../src/store/redis/redis-reply.js';
import { RedisServer } from '../../../src/store/redis/redis-server.js';
import type { RedisReply } from '../../../src/store/redis/driver/redis-driver.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { systemClock } from '../../../src/value/clock.js';
import { seededRandom } from '../../support/seeded-random.js';
import { serveWorker } from '../../support/serve-worker.js';
import { testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';

/** What the commands of one stretch of load came to. */
export interface LoadReport {
  readonly settled: number;
  readonly succeeded: number;
  readonly unavailable: number;
  /** Replies that belong to other commands, and were noticed: the connection was ended, and the command failed. */
  readonly crossed: number;
  readonly otherErrors: readonly string[];
  /** Values that were accepted under a key that they were not written for. */
  readonly wrongValues: readonly string[];
  /** Errors that nobody caught. */
  readonly uncaught: readonly string[];
  readonly slowestMs: number;
  /** The longest the process was kept from its loop. */
  readonly longestStallMs: number;
  readonly underWay: number;
}

const uncaught: string[] = [];
process.on('uncaughtException', (error) => void uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => void uncaught.push(String(error)));

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
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  let report = empty();
  let underWay = 0;
  let load: NodeJS.Timeout | undefined;
  const due = { at: 0 };

  const operate = async (): Promise<void> => {
    const key = `load:${random.integer(0, 49)}`;
    const startedAt = performance.now();
    underWay++;
    try {
      const connection = await server.connected();
      /** What the store above does: a reply that can't be this command's ends the connection. */
      const refuse = (what: string): never => {
        connection.end(`a reply to another command: ${what}`);
        report.crossed++;
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
          report.wrongValues.push(`${key} read ${item.payload.toString('utf8', 0, 40)}`);
      }
      report.succeeded++;
    } catch (error) {
      if (error instanceof StoreUnavailableError) report.unavailable++;
      else report.otherErrors.push(String(error));
    } finally {
      underWay--;
      report.settled++;
      report.slowestMs = Math.max(report.slowestMs, performance.now() - startedAt);
    }
  };

  return {
    open: () => server.connected().then(() => undefined),
    /** In bursts of a twentieth of a second, so that many commands wait on the connection at a time. */
    startLoad: () => {
      due.at = performance.now();
      load = setInterval(() => {
        while (due.at < performance.now()) {
          due.at += 1_000 / perSecond;
          void operate();
        }
      }, 50);
    },
    /** What happened since the last report. */
    report: (): LoadReport => {
      const result = { ...report, uncaught: uncaught.splice(0), longestStallMs: stalls.max / 1e6, underWay };
      report = empty();
      stalls.reset();
      return result;
    },
    /** Ends the load, and waits until the last command is settled. */
    stopLoad: async (): Promise<void> => {
      clearInterval(load);
      while (underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    stop: (): void => {
      clearInterval(load);
      server.close();
    },
  };
});

function empty() {
  return {
    settled: 0,
    succeeded: 0,
    unavailable: 0,
    crossed: 0,
    otherErrors: [] as string[],
    wrongValues: [] as string[],
    slowestMs: 0,
  };
}
