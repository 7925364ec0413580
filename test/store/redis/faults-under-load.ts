import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { LoadWatch } from '../../support/load-watch.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { startWorker } from '../../support/worker-process.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { TestedDriver } from './drivers.js';

// Connecting and the command have 250 ms each; a fifth more, and what the machine stalls is added.
const settledWithinMs = 600 + 250;

/** What is done to a server under load. */
export type Fault = keyof typeof faults;

interface Places {
  readonly server: RedisProcess;
  readonly proxy: TcpProxy;
}

/** How each begins, and how it ends where it lasts. */
const faults = {
  'is killed': [({ server }) => server.kill(), ({ server }) => server.start()],
  'is stopped by a signal': [({ server }) => server.pause(), ({ server }) => server.resume()],
  'is restarted': [({ server }) => server.restart(), undefined],
  'is behind a black hole': [({ proxy }) => proxy.blackhole(true), ({ proxy }) => proxy.blackhole(false)],
  'hears and is not heard': [({ proxy }) => proxy.dropReplies(true), ({ proxy }) => proxy.dropReplies(false)],
  'hangs up': [({ proxy }) => proxy.cut(), undefined],
  'refuses connections': [
    ({ proxy }) => proxy.refuse(true).then(() => proxy.cut()),
    ({ proxy }) => proxy.refuse(false),
  ],
  'answers after the deadline': [({ proxy }) => proxy.delay(400, 'replies'), ({ proxy }) => proxy.delay(0, 'replies')],
  'gives half an answer and hangs': [({ proxy }) => proxy.truncateNextReply(9), undefined],
  'gives half an answer and hangs up': [({ proxy }) => proxy.truncateNextReply(9, 'cut'), undefined],
  'answers garbage': [
    ({ proxy }) => proxy.replaceNextReply(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    undefined,
  ],
} satisfies Record<string, [(places: Places) => unknown, ((places: Places) => unknown) | undefined]>;

/** R1 through this client: each fault, and replies that are out of place where `misplaced` says so. */
export function faultsUnderLoad(driver: TestedDriver, rows: readonly Fault[], misplaced = true): void {
  describe(`Under 200 commands per second through ${driver}`, () => load(driver, rows, misplaced));
}

function load(driver: TestedDriver, rows: readonly Fault[], misplaced: boolean): void {
  let server: RedisProcess;
  let proxy: TcpProxy;
  let worker: WorkerProcess;
  let watch: LoadWatch;
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startTcpProxy(server.port);
    const data = { driver, port: proxy.port, perSecond: 200 };
    worker = await startWorker(new URL('./redis-load-worker.ts', import.meta.url), data);
    // Its patience of a quarter of a second is under test, and a busy machine may need more at first.
    await eventually(() => worker.call('open'));
    watch = new LoadWatch(worker, settledWithinMs);
  });
  afterAll(async () => {
    expect(await worker.stop()).toBe('0');
    await proxy.close();
    await server.stop();
  });

  beforeEach(async () => {
    await worker.call('startLoad');
    await watch.recovered();
  });
  afterEach(async () => {
    await worker.call('stopLoad');
    await watch.look();
    expect(watch.violations.splice(0)).toEqual([]);
  });

  it.each(rows)('R1 a server that %s costs commands, and nothing else', async (row) => {
    const [harm, mend]: readonly [(places: Places) => unknown, ((places: Places) => unknown) | undefined] = faults[row];
    await watch.costs(() => harm({ server, proxy }), mend && (() => mend({ server, proxy })));
  });

  if (!misplaced) return;
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
        await watch.look();
        expect([name, proxy.accepted > acceptedOf]).toEqual([name, true]);
      });
      await watch.recovered();
    }
  });
}

export const everyFault = Object.keys(faults) as Fault[];
