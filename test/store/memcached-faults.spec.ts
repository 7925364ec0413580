import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { seededRandom } from '../support/seeded-random.js';
import { LoadWatch } from '../support/load-watch.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

// Connecting and the command have 250 ms each; what the machine stalls is added.
const settledWithinMs = 500 + 250;

describe('under 200 operations per second', () => {
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  let worker: WorkerProcess;
  let watch: LoadWatch;
  beforeAll(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
    const data = { servers: proxy.address, perSecond: 200 };
    worker = await startWorker(new URL('./memcached-load-worker.ts', import.meta.url), data);
    await worker.call('open');
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

  it.each<[string, () => unknown, (() => unknown) | undefined]>([
    ['is killed', () => server.kill(), () => server.start()],
    ['is stopped by a signal', () => server.pause(), () => server.resume()],
    ['is restarted', () => server.restart(), undefined],
    ['is behind a black hole', () => proxy.blackhole(true), () => proxy.blackhole(false)],
    ['hears and is not heard', () => proxy.dropReplies(true), () => proxy.dropReplies(false)],
    ['hangs up', () => proxy.cut(), undefined],
    ['refuses connections', () => proxy.refuse(true).then(() => proxy.cut()), () => proxy.refuse(false)],
    ['answers after the deadline', () => proxy.delay(400, 'replies'), () => proxy.delay(0, 'replies')],
    ['hears too late', () => proxy.delay(400, 'commands'), () => proxy.delay(0, 'commands')],
    ['gives half an answer and hangs', () => proxy.truncateNextReply(9), undefined],
    ['gives half an answer and hangs up', () => proxy.truncateNextReply(9, 'cut'), undefined],
  ])('S1 a server that %s costs operations, and nothing else', (_, harm, mend) => watch.costs(harm, mend));

  it('S1 each of 20 fuzzed replies closes its connection, and no key is given what is not its own', async () => {
    const random = seededRandom(20);
    for (const [name, rewrite] of fuzzedReplies(random)) {
      const acceptedOf = proxy.accepted;
      proxy.rewriteNextReply(rewrite);
      await eventually(() => expect([name, proxy.armed]).toEqual([name, false]));
      await eventually(async () => {
        await watch.look();
        // On a busy machine an overdue answer may end one more.
        if (proxy.accepted <= acceptedOf) throw new Error(`${name} closed nothing`);
      });
      await eventually(async () => expect((await watch.look()).succeeded).toBeGreaterThan(0), { everyMs: 50 });
    }
    await watch.recovered();
  });
});

type Rewrite = (reply: Buffer) => Buffer;

/** Replies that nobody asked for, that are malformed, or that belong to another command. */
function fuzzedReplies(random: ReturnType<typeof seededRandom>): [string, Rewrite][] {
  const instead =
    (text: string): Rewrite =>
    () =>
      Buffer.from(text, 'latin1');
  const before =
    (text: string): Rewrite =>
    (reply) =>
      Buffer.concat([Buffer.from(text, 'latin1'), reply]);
  return [
    ['a length below zero', instead('VA -1 c1 O1\r\n\r\n')],
    ['a length beyond all memory', instead('VA 99999999999 c1 O1\r\nx\r\n')],
    ['a length that is a word', instead('VA length c1\r\nx\r\n')],
    ['no length', instead('VA\r\n')],
    ['a value without a number', before('VA 3 c1\r\nabc\r\n')],
    ['a value with another number', before('VA 3 c1 O99999\r\nabc\r\n')],
    ['a success that nobody asked for', before('HD\r\n')],
    ['a miss that nobody asked for', before('EN\r\n')],
    ['a miss with another number', before('EN O99999\r\n')],
    ['the name of a property', instead('constructor x\r\n')],
    ['the name of a prototype', instead('__proto__ x\r\n')],
    ['a classic answer', instead('VALUE a 0 -1\r\n')],
    ['an empty line', before('\r\n')],
    ['a line without an end', instead('x'.repeat(3_000))],
    ['a long line in pieces', before('HD '.repeat(400))],
    ['a protocol error', instead('ERROR\r\n')],
    ['statistics that nobody asked for', before('STAT pid 1\r\nEND\r\n')],
    ['random bytes', () => Buffer.concat([random.bytes(200), Buffer.from('\r\n')])],
    ['a reply twice', (reply) => Buffer.concat([reply, reply])],
    ['a value that is shorter than it says', (reply) => Buffer.concat([Buffer.from('VA 9'), reply])],
  ];
}
