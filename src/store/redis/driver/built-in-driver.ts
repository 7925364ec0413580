import { oneRoom } from '../../one-room.js';
import type { RedisCredentials } from '../redis-credentials.js';
import { openTcpSocket, openTlsSocket } from './tcp-socket.js';
import type { LinkOptions, RedisDriver, RedisLink } from './redis-driver.js';
import { WireLink } from './wire-link.js';

/** Speaks RESP2 by itself, over a socket of Node: no package is needed. */
export const builtInDriver: RedisDriver = { name: 'built-in', connect };

async function connect(options: LinkOptions): Promise<RedisLink> {
  const { address, database, credentials, tls, signal, onEnd } = options;
  const link = new WireLink();
  const reading = tls ? undefined : oneRoom((room, size) => link.read(room, size));
  const tcpSocket = await openTcpSocket(address, signal, reading);
  const stream = tls ? await openTlsSocket(tls, address, tcpSocket, signal) : tcpSocket;
  link.speakOver(tcpSocket, stream);
  if (tls) stream.on('data', (chunk: Buffer) => link.read(chunk, chunk.length));
  const giveUp = (): void => link.reset();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    signal.throwIfAborted();
    await greet(link, credentials, database);
    link.assertOpen();
  } catch (error) {
    link.reset();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
  link.onEnd = onEnd;
  return link;
}

/** Logs in, if there is a login, and selects the database. @throws RedisServerError: the server's own words. */
async function greet(link: WireLink, credentials: RedisCredentials, database: number): Promise<void> {
  const { username, password } = credentials.reveal();
  const greetings: string[][] = [];
  if (username !== undefined || password !== undefined) {
    greetings.push(['AUTH', ...(username === undefined ? [] : [username]), password ?? '']);
  }
  if (database !== 0) greetings.push(['SELECT', String(database)]);
  await Promise.all(
    greetings.map(
      (greeting) =>
        new Promise<void>((resolve, reject) => {
          link.send(greeting, (error) => (error ? reject(error) : resolve()));
        }),
    ),
  );
}
