import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { startMemcached } from './memcached-process.js';
import type { MemcachedProcess } from './memcached-process.js';
import { recordEvents } from './recorded-events.js';
import { seededRandom } from './seeded-random.js';
import { startTcpProxy } from './tcp-proxy.js';
import type { TcpProxy } from './tcp-proxy.js';
import { startWorker } from './worker-process.js';
import type { WorkerProcess } from './worker-process.js';
import { reportFault } from '../../src/value/events.js';

describe('a memcached process', () => {
  let server: MemcachedProcess;
  beforeAll(async () => {
    server = await startMemcached({ args: ['-m', '16'] });
  });
  afterAll(() => server.stop());

  it('takes raw commands over a socket of their own', async () => {
    expect(await server.command('set a 0 0 5\r\nhe\r\nl')).toBe('STORED');
    expect(await server.command('mg a v')).toBe('VA 5\r\nhe\r\nl');
    expect(await server.command('get b')).toBe('END');
    expect(Number((await server.stats())['pid'])).toBe(server.pid);
    expect((await server.stats('settings'))['maxbytes']).toBe(`${16 * 2 ** 20}`);
  });

  it('is empty and another process after a restart, on the same port', async () => {
    const { pid, port } = server;
    await server.command('set c 0 0 1\r\nx');
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(server.port).toBe(port);
    expect(await server.command('get c')).toBe('END');
  });

  it('answers nothing while paused, and everything afterwards', async () => {
    server.pause();
    const late = server.command('version');
    const early = await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 150, 'silence'))]);
    server.resume();
    expect(early).toBe('silence');
    expect(await late).toMatch(/^VERSION 1\./);
  });

  it('is gone after kill', async () => {
    await server.kill();
    await expect(server.command('version')).rejects.toThrow(/ECONNREFUSED/);
    expect(() => server.pid).toThrow();
    await server.start();
  });
});

describe('a TCP proxy', () => {
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  let client: Socket;
  let received = '';
  beforeAll(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });
  afterEach(() => void client.destroy());

  const open = async (): Promise<void> => {
    received = '';
    client = connect(proxy.port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => (received += chunk.toString()));
    client.on('error', () => {});
    await new Promise((resolve) => client.once('connect', resolve));
  };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it('passes bytes both ways', async () => {
    await open();
    client.write('mn\r\n');
    await eventually(() => expect(received).toBe('MN\r\n'));
  });

  it('cuts connections', async () => {
    await open();
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.write('mn\r\n');
    await eventually(() => expect(received).toBe('MN\r\n'));
    proxy.cut();
    await closed;
    await eventually(() => expect(proxy.openConnections).toBe(0));
  });

  it('refuses connections, then listens on the same port', async () => {
    const { port } = proxy;
    await proxy.refuse(true);
    client = connect(port, '127.0.0.1');
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve));
    expect(error.code).toBe('ECONNREFUSED');
    await proxy.refuse(false);
    expect(proxy.port).toBe(port);
    await open();
  });

  it('swallows everything, or only the replies', async () => {
    await open();
    proxy.blackhole(true);
    client.write('set hole 0 0 1\r\n1\r\n');
    await eventually(() => expect(proxy.swallowed).toBeGreaterThan(0));
    proxy.blackhole(false);
    expect(await server.command('get hole')).toBe('END');
    await open();
    proxy.dropReplies(true);
    client.write('set hole 0 0 1\r\n2\r\n');
    await eventually(async () => expect(await server.command('mg hole v')).toBe('VA 1\r\n2'));
    await pause(50);
    expect(received).toBe('');
    proxy.dropReplies(false);
  });

  it('delays, and delivers what was under way when the client hangs up', async () => {
    await open();
    proxy.delay(120);
    const writtenAt = performance.now();
    client.end('set late 0 0 1\r\n1\r\n');
    await eventually(async () => expect(await server.command('mg late v')).toBe('VA 1\r\n1'));
    expect(performance.now() - writtenAt).toBeGreaterThan(110);
    proxy.delay(0);
  });

  it('truncates and replaces one reply', async () => {
    await open();
    proxy.replaceNextReply(Buffer.from('nonsense\r\n'));
    client.write('mn\r\n');
    await eventually(() => expect(received).toBe('nonsense\r\n'));
    client.write('mn\r\n');
    await eventually(() => expect(received).toBe('nonsense\r\nMN\r\n'));
    proxy.truncateNextReply(2);
    client.write('mn\r\n');
    await eventually(() => expect(received).toBe('nonsense\r\nMN\r\nMN'));
    client.write('mn\r\n');
    await pause(50);
    expect(received).toBe('nonsense\r\nMN\r\nMN');
  });
});

describe('a worker process', () => {
  let worker: WorkerProcess;
  beforeAll(async () => {
    worker = await startWorker(new URL('./fixture/echo-worker.ts', import.meta.url), 'good day');
  });
  afterAll(() => worker.kill());

  it('answers calls, values of all kinds included', async () => {
    expect(await worker.call('greet', 'you')).toBe('good day you');
    const value = { big: 2n ** 70n, map: new Map([[1, new Date(0)]]) };
    expect(await worker.call('echo', value)).toEqual(value);
  });

  it('hands on errors with their code', async () => {
    await expect(worker.call('fail')).rejects.toMatchObject({
      name: 'TypeError',
      message: 'as asked',
      code: 'AS_ASKED',
    });
    await expect(worker.call('nothing')).rejects.toThrow('no method nothing');
  });

  it('answers nothing while paused', async () => {
    worker.pause();
    const late = worker.call('echo', 1);
    expect(await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 100, 'silence'))])).toBe('silence');
    worker.resume();
    expect(await late).toBe(1);
  });

  it('rejects what was under way when it is killed', async () => {
    const other = await startWorker(new URL('./fixture/echo-worker.ts', import.meta.url));
    const hanging = other.call('hang');
    const rejection = expect(hanging).rejects.toThrow('SIGKILL');
    await other.kill();
    await rejection;
    await expect(other.call('echo')).rejects.toThrow('has ended');
  });

  it('ends by itself when stopped, unless something keeps it alive', async () => {
    const [clean, leaking] = await Promise.all([
      startWorker(new URL('./fixture/echo-worker.ts', import.meta.url)),
      startWorker(new URL('./fixture/echo-worker.ts', import.meta.url)),
    ]);
    await leaking.call('keepAlive');
    expect(await clean.stop()).toBe('0');
    expect(await leaking.stop(300)).toBe('SIGKILL');
  });
});

describe('what a test process started', () => {
  it('ends with it, also when it is killed', async () => {
    const parent = await startWorker(new URL('./fixture/starting-worker.ts', import.meta.url));
    const pids = await parent.call<number[]>('start');
    const alive = () => pids.filter((pid) => existsSync(`/proc/${pid}`));
    expect(alive()).toHaveLength(2);
    await parent.kill();
    await eventually(() => expect(alive()).toEqual([]));
  });

  it('says what to install where memcached is missing', async () => {
    const worker = await startWorker(new URL('./fixture/starting-worker.ts', import.meta.url));
    try {
      await expect(worker.call('startWithout')).rejects.toThrow('apt-get install memcached');
    } finally {
      await worker.kill();
    }
  });
});

describe('small aids', () => {
  it('give each process of Jest ports of its own', async () => {
    const own = process.env['JEST_WORKER_ID'];
    const drawnBy = async (worker: string): Promise<number[]> => {
      process.env['JEST_WORKER_ID'] = worker;
      return Promise.all(Array.from({ length: 200 }, freePort));
    };
    try {
      const [first, second] = [await drawnBy('1'), await drawnBy('2')];
      expect(Math.max(...first)).toBeLessThan(Math.min(...second));
    } finally {
      if (own === undefined) delete process.env['JEST_WORKER_ID'];
      else process.env['JEST_WORKER_ID'] = own;
    }
  });

  it('seeded random numbers of neighbouring seeds begin apart', () => {
    const first = Array.from({ length: 1_000 }, (_, seed) => seededRandom(seed)());
    for (const quarter of [0, 1, 2, 3]) {
      const drawn = first.filter((number) => Math.floor(number * 4) === quarter).length;
      expect(drawn).toBeGreaterThan(200);
      expect(drawn).toBeLessThan(300);
    }
  });

  it('seeded random numbers repeat', () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return [random(), random.integer(1, 6), random.pick(['a', 'b', 'c']), random.bytes(3).toString('hex')];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('eventually reports the last failure', async () => {
    await expect(eventually(() => expect(1).toBe(2), { withinMs: 50 })).rejects.toThrow('toBe');
  });

  it('events are recorded until stopped', () => {
    const recorded = recordEvents('fault');
    reportFault({ source: 'test', kind: 'unavailable', message: 'm' });
    recorded.stop();
    reportFault({ source: 'test', kind: 'damaged', message: 'm' });
    expect(recorded.of('fault')).toEqual([{ event: 'fault', source: 'test', kind: 'unavailable', message: 'm' }]);
    expect(recorded.transcript).toEqual(['fault']);
  });
});
