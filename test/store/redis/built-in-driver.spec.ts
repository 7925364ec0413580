import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { builtInDriver } from '../../../src/store/redis/driver/built-in-driver.js';
import type { LinkOptions, RedisLink } from '../../../src/store/redis/driver/redis-driver.js';
import { keySlot } from '../../../src/store/redis/key-slot.js';
import { redisAddress } from '../../../src/store/redis/redis-address.js';
import type { RedisAddress } from '../../../src/store/redis/redis-address.js';
import { RedisCredentials } from '../../../src/store/redis/redis-credentials.js';
import { TlsSettings } from '../../../src/store/tls-settings.js';
import { RedisServerError } from '../../../src/store/redis/redis-server-error.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';
import { moveSlot, startRedisCluster } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { seededRandom } from '../../support/seeded-random.js';
import { selfSigned } from '../../support/self-signed.js';
import { sent } from './sent.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function connect(port: number, further: Partial<LinkOptions> = {}): Promise<RedisLink> {
  const link = await builtInDriver.connect({
    address: redisAddress('127.0.0.1', port) as RedisAddress,
    database: 0,
    credentials: new RedisCredentials(),
    tls: undefined,
    signal: new AbortController().signal,
    onEnd: () => {},
    ...further,
  });
  endings.push(() => link.reset());
  return link;
}

/** A link to whoever answers each piece that comes as `answer` does, and how the link ended. */
async function linkTo(answer: (socket: Socket, said: string) => void): Promise<{ link: RedisLink; ends: string[] }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => answer(socket, data.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(() => new Promise((resolve) => server.close(resolve)));
  const ends: string[] = [];
  const { port } = server.address() as AddressInfo;
  return { link: await connect(port, { onEnd: (reason) => ends.push(reason) }), ends };
}

describe('On a real server', () => {
  let server: RedisProcess;
  let tlsPort: number;
  let ca: Buffer;
  beforeAll(async () => {
    const { keyFile, certFile, ca: authority } = selfSigned();
    ca = authority;
    tlsPort = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
    server = await startRedis({ args: ['--tls-port', `${tlsPort}`, '--tls-auth-clients', 'no', ...files] });
  });
  afterAll(() => server.stop());

  it.each([false, true])(
    'values of any size come back as they were sent, whatever is read after; TLS: %p',
    async (isTls) => {
      const link = await connect(isTls ? tlsPort : server.port, isTls ? { tls: new TlsSettings({ ca }) } : {});
      const random = seededRandom(7);
      const values = [0, 1, 100, 4_095, 16_384, 16_385, 65_536, 200_000, 5_000_000].map((size) =>
        Buffer.alloc(size, random.bytes(97)),
      );
      await Promise.all(values.map((value, index) => sent(link, 'SET', `v${index}`, value)));
      const read = await Promise.all(values.map((_, index) => sent(link, 'GET', `v${index}`)));
      const all = await sent(link, 'MGET', ...values.map((_, index) => `v${index}`));
      await sent(link, 'ECHO', Buffer.alloc(70_000, '!'));
      expect(values.map((value, index) => value.equals(read[index] as Buffer))).toEqual(values.map(() => true));
      expect((all as Buffer[]).map((value, index) => value.equals(values[index] as Buffer))).toEqual(
        values.map(() => true),
      );
    },
  );

  it('a login is sent to nobody that was not given one, and one that is needed is missed at the first command', async () => {
    await server.command('ACL', 'SETUSER', 'default', 'resetpass', '>hunter2');
    endings.push(() => server.command('ACL', 'SETUSER', 'default', 'nopass'));
    const stranger = await connect(server.port);
    await expect(sent(stranger, 'PING')).rejects.toMatchObject({ code: 'NOAUTH' });
    const known = await connect(server.port, { credentials: new RedisCredentials(undefined, 'hunter2'), database: 5 });
    expect(await sent(known, 'PING')).toBe('PONG');
    const refused = connect(server.port, { credentials: new RedisCredentials(undefined, 'hunter3'), database: 5 });
    await expect(refused).rejects.toMatchObject({ code: 'WRONGPASS' });
    await expect(refused).rejects.not.toThrow(/hunter/);
    const misplaced = connect(server.port, { credentials: new RedisCredentials(undefined, 'hunter2'), database: 99 });
    await expect(misplaced).rejects.toThrow(RedisServerError);
    // Only those that were let in: the two links, and the look from beside.
    await eventually(async () => expect((await server.info('clients'))['connected_clients']).toBe('3'));
  });

  it('a command whose items are taken leaves at once, with what waited, and in its place', async () => {
    const link = await connect(server.port);
    const order: string[] = [];
    await Promise.all([sent(link, 'SET', 'a', 'A'), sent(link, 'SET', 'b', 'B')]);
    link.send(['ECHO', 'first'], () => order.push('first'));
    const take = (bytes: Buffer | null, start: number, end: number): void =>
      void order.push(bytes?.toString('latin1', start, end) ?? 'nothing');
    const answered = new Promise<unknown>((resolve) =>
      link.send(['MGET', 'a', 'absent', 'b'], (error, reply) => resolve(error ?? reply), { take }),
    );
    const last = sent(link, 'MGET', 'a', 'b');
    expect([await answered, await last]).toEqual([[], [Buffer.from('A'), Buffer.from('B')]]);
    expect(order).toEqual(['first', 'A', 'nothing', 'B']);
    const failed = await new Promise<unknown>((resolve) => link.send(['MGET'], (error) => resolve(error), { take }));
    expect(failed).toBeInstanceOf(RedisServerError);
  });

  it('commands that are sent while an answer is taken follow in the next write, and none comes after a reset', async () => {
    const link = await connect(server.port);
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      link.send(['ECHO', 'a'], () => {
        order.push('a');
        link.send(['ECHO', 'c'], () => {
          order.push('c');
          link.reset();
          resolve();
        });
      });
      link.send(['ECHO', 'b'], () => order.push('b'));
    });
    const late = await sent(link, 'PING').catch((error: Error) => error.message);
    expect([order, late]).toEqual([['a', 'b', 'c'], 'the connection was given up']);
  });
});

describe('A server that says what it should not', () => {
  it.each([
    ['no reply', 'HTTP/1.1 400 Bad Request\r\n', 'what it sent is no reply'],
    ['a reply too many', '+PONG\r\n'.repeat(3), 'it sent a reply that nobody had asked for'],
    ['an end', undefined, 'the connection was closed'],
  ])('ends the link, which says why: %s', async (_, said, reason) => {
    const { link, ends } = await linkTo((socket) => (said === undefined ? socket.end() : socket.write(said)));
    const waiting = [sent(link, 'PING'), sent(link, 'ECHO', 'a-secret-value')].map((each) =>
      each.catch((error: Error) => error.message),
    );
    const last = (await Promise.all(waiting)).at(-1);
    if (said?.startsWith('+') !== true) expect(last).toBe(reason);
    await eventually(() => expect(ends).toEqual([reason]));
    await expect(sent(link, 'PING')).rejects.toThrow(reason);
  });

  it('a reply that comes after a reset is given to nobody', async () => {
    const { link, ends } = await linkTo((socket) => socket.write('+ONE\r\n+TWO\r\n'));
    const answers: unknown[] = [];
    link.send(['PING'], (_, reply) => {
      answers.push(reply);
      link.reset();
    });
    link.send(['PING'], (error, reply) => answers.push(error instanceof Error ? error.message : reply));
    await eventually(() => expect(answers).toEqual(['ONE', 'the connection was given up']));
    expect(ends).toEqual([]);
  });

  it('an answer that throws ends the link, and the words of what it threw are not passed on', async () => {
    const { link, ends } = await linkTo((socket) => socket.write('+ONE\r\n'));
    link.send(['PING'], () => {
      throw new Error('a-secret-value');
    });
    await eventually(() => expect(ends).toEqual(['a reply could not be taken']));
  });

  it('messages that come right behind a confirmation, and between replies, are told from both', async () => {
    const message = '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n';
    const { link, ends } = await linkTo((socket, said) => {
      if (said.includes('SUBSCRIBE')) socket.write(`*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n${message}`);
      else socket.write(`${message}*2\r\n$4\r\npong\r\n$0\r\n\r\n${message}`);
    });
    const heard: string[] = [];
    await link.subscribe('c', false, (bytes) => heard.push(bytes.toString()));
    expect(await sent(link, 'PING')).toEqual([Buffer.from('pong'), Buffer.alloc(0)]);
    await eventually(() => expect(heard).toEqual(['x', 'x', 'x']));
    expect(ends).toEqual([]);
  });

  it('a confirmation of another command is none', async () => {
    const { link } = await linkTo((socket) => socket.write('*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n'));
    await expect(link.subscribe('c', false, () => {})).rejects.toThrow('a reply to another command');
  });
});

it('A subscription that ends with its slot ends the link: whoever listens has to ask where it went', async () => {
  const cluster = await startRedisCluster();
  endings.push(() => cluster.stop());
  const ends: string[] = [];
  const slot = keySlot('c');
  const owner = cluster.ownerOf(slot);
  const link = await connect(owner.port, { onEnd: (reason) => ends.push(reason) });
  await link.subscribe('c', true, () => {});
  await link.unsubscribe('c', true);
  await link.subscribe('c', true, () => {});
  expect(ends).toEqual([]);
  await moveSlot(cluster, slot, owner, cluster.nodes.find((node) => node !== owner) as RedisProcess);
  await eventually(() => expect(ends).toEqual(['it has ended a subscription']));
});
