import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { startWorker } from '../../support/worker-process.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import { driverNames } from './drivers.js';
import type { LoadReport } from './redis-load-worker.js';

// Connecting and the command have 250 ms each; a fifth more, and the rest is for a busy machine, and what it stalls is added.
const settledWithinMs = 600 + 250;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.each(driverNames)('Under 200 commands per second through %s', (driver) => {
  let server: RedisProcess;
  let proxy: TcpProxy;
  let worker: WorkerProcess;
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startTcpProxy(server.port);
    const data = { driver, port: proxy.port, perSecond: 200 };
    worker = await startWorker(new URL('./redis-load-worker.ts', import.meta.url), data);
    await worker.call('open');
  }, 60_000);
  afterAll(async () => {
    expect(await worker.stop()).toBe('0');
    await proxy.close();
    await server.stop();
  });

  beforeEach(async () => {
    await worker.call('startLoad');
    await recovered();
  });
  afterEach(async () => {
    await worker.call('stopLoad');
    await look();
    expect(violations.splice(0)).toEqual([]);
  });

  /** What must never happen, gathered: a check that is repeated until it holds must not forget it. */
  const violations: unknown[] = [];

  const look = async (): Promise<LoadReport> => {
    const seen = await worker.call<LoadReport>('report');
    violations.push(...seen.uncaught, ...seen.otherErrors, ...seen.wrongValues);
    const limitMs = settledWithinMs + 2 * seen.longestStallMs;
    if (seen.slowestMs > limitMs) violations.push(`settled after ${seen.slowestMs} ms of at most ${limitMs}`);
    return seen;
  };

  const recovered = () =>
    eventually(
      async () => {
        await look();
        await pause(200);
        const { succeeded, unavailable } = await look();
        expect(unavailable).toBe(0);
        expect(succeeded).toBeGreaterThan(5);
      },
      { withinMs: 10_000 },
    );

  it.each<[string, () => unknown, (() => unknown) | undefined]>([
    ['is killed', () => server.kill(), () => server.start()],
    ['is stopped by a signal', () => server.pause(), () => server.resume()],
    ['is restarted', () => server.restart(), undefined],
    ['is behind a black hole', () => proxy.blackhole(true), () => proxy.blackhole(false)],
    ['hears and is not heard', () => proxy.dropReplies(true), () => proxy.dropReplies(false)],
    ['hangs up', () => proxy.cut(), undefined],
    ['refuses connections', () => proxy.refuse(true).then(() => proxy.cut()), () => proxy.refuse(false)],
    ['answers after the deadline', () => proxy.delay(400, 'replies'), () => proxy.delay(0, 'replies')],
    ['gives half an answer and hangs', () => proxy.truncateNextReply(9), undefined],
    ['gives half an answer and hangs up', () => proxy.truncateNextReply(9, 'cut'), undefined],
    ['answers garbage', () => proxy.replaceNextReply(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), undefined],
  ])(
    'R1 a server that %s costs commands, and nothing else',
    async (_, harm, mend) => {
      await harm();
      try {
        // A fault that lasts is noticed; one that is over in a moment may fall between two commands.
        if (mend) await eventually(async () => expect((await look()).unavailable).toBeGreaterThan(0), { everyMs: 100 });
        await pause(300);
        await look();
      } finally {
        await mend?.();
      }
      await recovered();
    },
    40_000,
  );

  it('R1 replies too many and out of place end the connection before a key is given what is not its own', async () => {
    const before =
      (text: string) =>
      (reply: Buffer): Buffer =>
        Buffer.concat([Buffer.from(text, 'latin1'), reply]);
    const rewritings: [string, (reply: Buffer) => Buffer][] = [
      ['a reply twice', (reply) => Buffer.concat([reply, reply])],
      ['an OK that nobody asked for', before('+OK\r\n')],
      ['a number that nobody asked for', before(':1\r\n')],
      ['an error without its line', () => Buffer.from('-')],
      ['a length that is a word', () => Buffer.from('$word\r\nx\r\n')],
      ['a length beyond all memory', () => Buffer.from('$99999999999999\r\nx\r\n')],
      ['an array that never ends', () => Buffer.from('*1000000000\r\n:1\r\n')],
    ];
    for (const [name, rewrite] of rewritings) {
      const acceptedOf = proxy.accepted;
      proxy.rewriteNextReply(rewrite);
      await eventually(() => expect([name, proxy.armed]).toEqual([name, false]));
      await eventually(async () => {
        await look();
        expect([name, proxy.accepted > acceptedOf]).toEqual([name, true]);
      });
      await recovered();
    }
  }, 60_000);
});
