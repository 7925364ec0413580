import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { WarningLog } from '../../src/module/warning-log.js';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { channels, reportFault } from '../../src/value/events.js';
import { smallFileSystem } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { cacheModule, start } from '../support/nest-application.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';

const secret = 's3cr3t-p1n-4711';

describe('The warning log', () => {
  const said: string[] = [];
  const clock = new FakeClock();
  let log: WarningLog;
  beforeEach(() => {
    said.length = 0;
    log = new WarningLog({ warn: (text: string) => said.push(text), log: (text: string) => said.push(text) }, clock);
  });
  afterEach(() => log.stop());
  const fault = (source = 'server-a', kind: 'unavailable' | 'degraded' = 'unavailable'): void =>
    reportFault({ source, kind, message: 'It failed.', cause: new RangeError(secret) });

  it('says each kind of each source once in 30 s, and then how many it left out', async () => {
    for (let times = 0; times < 100; times++) fault();
    fault('server-b');
    fault('server-a', 'degraded');
    expect(said).toEqual([
      'server-a: It failed. (unavailable, RangeError)',
      'server-b: It failed. (unavailable, RangeError)',
      'server-a: It failed. (degraded, RangeError)',
    ]);
    await clock.advance(29_999);
    expect(said).toHaveLength(3);
    await clock.advance(1);
    expect(said.slice(3)).toEqual(['99 more in the last 30 s: server-a: It failed. (unavailable, RangeError)']);
    fault();
    await clock.advance('30s');
    expect(said.at(-1)).toBe('1 more in the last 30 s: server-a: It failed. (unavailable, RangeError)');
    await clock.advance('30s');
    fault();
    expect(said).toHaveLength(6);
    expect(said.at(-1)).toBe('server-a: It failed. (unavailable, RangeError)');
  });

  it('says each thing that was left out, also where others of its kind came after it', async () => {
    const degraded = (key: string): void =>
      reportFault({ source: 'default', kind: 'degraded', message: 'Its loads outlast its ttl.', key });
    for (const key of ['a:1', 'b:1', 'c:1', 'b:1', 'a:1', 'b:1']) degraded(key);
    expect(said).toEqual(['default: Its loads outlast its ttl. (degraded, a:1)']);
    await clock.advance('30s');
    expect(said.slice(1)).toEqual([
      '1 more in the last 30 s: default: Its loads outlast its ttl. (degraded, a:1)',
      '3 more in the last 30 s: default: Its loads outlast its ttl. (degraded, b:1)',
      '1 more in the last 30 s: default: Its loads outlast its ttl. (degraded, c:1)',
    ]);
    degraded('d:1');
    log.stop();
    expect(said.slice(4)).toEqual(['1 more in the last 1 s: default: Its loads outlast its ttl. (degraded, d:1)']);
  });

  it('keeps and says ten things of a kind, and counts the others', async () => {
    const degraded = (key: string): void =>
      reportFault({ source: 'default', kind: 'degraded', message: 'Damaged.', key });
    for (let times = 0; times < 2; times++) for (let index = 0; index < 1_000; index++) degraded(`key-${index}`);
    await clock.advance('30s');
    const ofKey = (index: number, left: number): string =>
      `${left} more in the last 30 s: default: Damaged. (degraded, key-${index})`;
    expect(said.slice(1)).toEqual([
      ofKey(0, 1),
      ...Array.from({ length: 9 }, (_, index) => ofKey(index + 1, 2)),
      'degraded default: 1,980 others were left out',
    ]);
    await clock.advance('60s');
    expect(said).toHaveLength(12);
    expect(clock.waiting).toBe(0);
  });

  it.each([
    Object.assign(new Error(), { message: /x/ }),
    Object.defineProperty(new Error(), 'message', { get: () => JSON.parse('no') as string }),
    Object.defineProperty(new Error(), 'name', { get: () => JSON.parse('no') as string }),
  ])('says what an error did whose message or name can not be read (%#)', (cause) => {
    reportFault({ source: 'server-a', kind: 'background-load', message: 'A refresh failed.', cause });
    expect(said[0]).toMatch(/^server-a: A refresh failed\. \(background-load(, Error)?\)$/);
  });

  it('says which invalidation was lost, and that a server answers again', () => {
    channels.writeGivenUp.publish({ cache: 'default', key: 'course:a', reason: 'closed' });
    channels.breaker.publish({ shard: 'server-a', state: 'closed' });
    fault();
    channels.breaker.publish({ shard: 'server-a', state: 'closed' });
    expect(said).toEqual([
      'default: an invalidation was lost (closed): course:a',
      'server-a: It failed. (unavailable, RangeError)',
      'server-a: it answers again',
    ]);
  });

  const waits = (key: string): void =>
    reportFault({
      source: 'default',
      kind: 'write-unacknowledged',
      message: 'An invalidation will be sent again.',
      key,
    });

  it('sums up once in 30 s, however often a server comes and goes', async () => {
    for (let flap = 0; flap < 20; flap++) {
      for (let times = 0; times < 3; times++) fault();
      for (let key = 0; key < 20; key++) waits(`key ${flap} ${key}`);
      channels.breaker.publish({ shard: 'server-a', state: 'closed' });
      await clock.advance('1.3s');
    }
    await clock.advance('30s');
    expect(said.filter((line) => line.endsWith('it answers again'))).toHaveLength(20);
    // The first of each of two kinds, and twice: one failure, ten invalidations, and how many others.
    expect(said.filter((line) => !line.endsWith('it answers again')).length).toBeLessThanOrEqual(2 + 2 * 12);
  });

  const logRead = (answered: boolean, shard = 'server-a'): void =>
    channels.logRead.publish({ cache: 'default', shard, lagMs: 0, applied: 0, answered });
  const failsBy = (message: string): void => reportFault({ source: 'server-a', kind: 'unavailable', message });

  it('says once that a server answers again whose failures were too few to open a breaker', async () => {
    logRead(true);
    fault();
    fault();
    logRead(false);
    logRead(true, 'server-b');
    await clock.advance('2s');
    for (let times = 0; times < 3; times++) logRead(true);
    const outage = [
      'server-a: It failed. (unavailable, RangeError)',
      '1 more in the last 2 s: server-a: It failed. (unavailable, RangeError)',
      'server-a: it answers again',
    ];
    expect(said).toEqual(outage);
    fault();
    logRead(true);
    expect(said).toHaveLength(3);
    await clock.advance('30s');
    logRead(true);
    expect(said.slice(3)).toEqual([
      expect.stringMatching(/^1 more in the last \d+ s: server-a: It failed\./),
      'server-a: it answers again',
    ]);
  });

  it('says at once that a server that has answered again fails for another reason, ten at most', () => {
    failsBy('Refused.');
    failsBy('Cut.');
    expect(said).toHaveLength(1);
    logRead(true);
    failsBy('Refused.');
    failsBy('Late.');
    failsBy('Cut.');
    logRead(true);
    expect(said.filter((line) => !/^\d+ more/.test(line))).toEqual([
      'server-a: Refused. (unavailable)',
      'server-a: it answers again',
      'server-a: Late. (unavailable)',
      'server-a: it answers again',
    ]);
    for (let reason = 0; reason < 50; reason++) {
      failsBy(`Reason ${reason}.`);
      logRead(true);
    }
    expect(said.filter((line) => line.startsWith('server-a: Reason'))).toHaveLength(8);
  });

  it('says what was left out of an outage before it says that this is over, and not again', async () => {
    for (let times = 0; times < 3; times++) fault();
    for (const key of ['a', 'b', 'b']) waits(key);
    await clock.advance('13s');
    channels.breaker.publish({ shard: 'server-a', state: 'closed' });
    expect(said.slice(2)).toEqual([
      '2 more in the last 13 s: server-a: It failed. (unavailable, RangeError)',
      '2 more in the last 13 s: default: An invalidation will be sent again. (write-unacknowledged, b)',
      'server-a: it answers again',
    ]);
    await clock.advance('60s');
    log.stop();
    expect(said).toHaveLength(5);
  });

  it('has not summed up where it had nothing to say', async () => {
    fault();
    waits('a');
    await clock.advance('2s');
    channels.breaker.publish({ shard: 'server-a', state: 'closed' });
    await clock.advance('3s');
    for (let times = 0; times < 9; times++) fault();
    for (const key of ['b', 'c', 'k']) waits(key);
    await clock.advance('10s');
    channels.breaker.publish({ shard: 'server-a', state: 'closed' });
    channels.writeGivenUp.publish({ cache: 'default', key: 'k', reason: 'closed' });
    const ofKey = (key: string): string =>
      `1 more in the last 13 s: default: An invalidation will be sent again. (write-unacknowledged, ${key})`;
    const summedUp = [
      'server-a: it answers again',
      '9 more in the last 13 s: server-a: It failed. (unavailable, RangeError)',
      ...['b', 'c', 'k'].map(ofKey),
      'server-a: it answers again',
      'default: an invalidation was lost (closed): k',
    ];
    expect(said.slice(2)).toEqual(summedUp);
    await clock.advance('60s');
    expect(said.slice(2)).toEqual(summedUp);
  });

  it('says that an invalidation will be sent again before it says that it was lost', () => {
    for (const key of ['a', 'k']) waits(key);
    channels.writeGivenUp.publish({ cache: 'default', key: 'k', reason: 'closed' });
    log.stop();
    expect(said.slice(1)).toEqual([
      '1 more in the last 1 s: default: An invalidation will be sent again. (write-unacknowledged, k)',
      'default: an invalidation was lost (closed): k',
    ]);
  });

  it('sums up when it ends, keeps nothing of what was quiet, and never says what an error said', async () => {
    fault();
    fault();
    log.stop();
    fault();
    expect(said).toHaveLength(2);
    expect(said.join()).not.toContain(secret);
    expect(clock.waiting).toBe(0);
  });
});

describe('An application whose memcached is killed', () => {
  const said: string[] = [];
  const collector: LoggerService = {
    log: (text: string, context: string) => said.push(`log ${context} ${text}`),
    warn: (text: string, context: string) => said.push(`warn ${context} ${text}`),
    error: () => {},
  };
  let memcached: MemcachedProcess;
  let app: INestApplication | undefined;
  beforeEach(async () => {
    said.length = 0;
    memcached = await startMemcached();
  });
  afterEach(async () => {
    await app?.close();
    Logger.overrideLogger(false);
    await memcached.stop();
  });

  async function startOn(warnings?: boolean): Promise<TieredCache> {
    const stores = memcachedStore({ servers: memcached.address, ...patience });
    const options = { process: false as const, ...(warnings !== undefined && { warnings }) };
    app = await start({
      imports: [cacheModule({ stores, ...options }), cacheModule({ name: 'second', stores: false, ...options })],
    });
    Logger.overrideLogger(collector);
    return app.get(TieredCache);
  }
  const ofShard = (): string[] => said.filter((line) => line.includes(memcached.address));

  it('is warned once for hundreds of failed look-ups, and told when the server answers again', async () => {
    const cache = await startOn();
    await cache.set('a', secret);
    await memcached.kill();
    for (let times = 0; times < 300; times++) {
      await cache.getOrSet(`key-${times}`, () => secret);
      await nextTurn(); // what fails in one turn is one failure
    }
    expect(ofShard()).toHaveLength(1);
    expect(ofShard()[0]).toMatch(/^warn TieredCache memcached 127\.0\.0\.1:\d+: .+ \(unavailable/);
    await memcached.start();
    await eventually(async () => {
      await cache.get('a');
      expect(ofShard().at(-1)).toMatch(/^log TieredCache memcached .+: it answers again$/);
    });
    await app?.close();
    expect(ofShard().at(-2)).toMatch(/^warn TieredCache \d+ more in the last \d+ s: memcached /);
    expect(said.join('\n')).not.toContain(secret);
  });

  it('is left alone where it wants no warnings', async () => {
    const cache = await startOn(false);
    await memcached.kill();
    for (let times = 0; times < 20; times++) await cache.getOrSet(`key-${times}`, () => secret);
    await app?.close();
    expect(said).toEqual([]);
  });
});

const fileSystem = smallFileSystem(2 ** 20);
fileSystem?.remove();
(fileSystem ? describe : describe.skip)('An application whose disk is full', () => {
  it('is told that writes fail, and not that the store answers again while they do', async () => {
    const small = smallFileSystem(6 * 2 ** 20);
    if (!small) throw new Error('the file system could not be mounted');
    const said: string[] = [];
    const answered = recordEvents('logRead');
    const breaker = recordEvents('breaker');
    const stores = new DiskStore({ directory: small.path }, { deadlineMs: 10_000, openWithinMs: 20_000 });
    const app = await start({ imports: [cacheModule({ stores })] });
    try {
      const cache = app.get(TieredCache);
      await cache.set('first', 'value');
      Logger.overrideLogger({
        log: (text: string) => said.push(text),
        warn: (text: string) => said.push(text),
        error: () => {},
      });
      try {
        while (true) writeFileSync(join(small.path, 'other'), Buffer.alloc(2 ** 16), { flag: 'a' });
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
      const ofStore = (): string[] => said.filter((line) => line.startsWith('disk '));
      for (let i = 0; i < 400 && ofStore().length === 0; i++)
        await cache.set(`key${i}`, randomBytes(50_000).toString('hex'));
      // Refused at once: as many as open a breaker.
      for (let i = 0; i < 10; i++) await cache.set(`more${i}`, 'value');
      answered.clear();
      await eventually(() => expect(answered.all.length).toBeGreaterThan(1));
      expect(ofStore()).toEqual([expect.stringMatching(/Writes fail, reads go on: .*\(degraded/)]);
      expect(breaker.all).toEqual([]);
    } finally {
      Logger.overrideLogger(false);
      answered.stop();
      breaker.stop();
      await app.close();
      small.remove();
    }
  });
});
