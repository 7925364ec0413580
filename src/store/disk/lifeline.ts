import { closeSync, openSync } from 'node:fs';
import { readdir, readlink, rename, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../value/clock.js';
import type { Clock } from '../../value/clock.js';
import { ForeignFolderError, makePrivateFolder } from './private-folder.js';
import { readStamp } from './process-stamp.js';

/**
 * A socket in the folder, on which an opener listens for as long as it lives. The kernel closes it when its process or thread ends,
 * however it ends, and answers whoever connects, from whichever container. So it tells what no process id tells across
 * containers: whether the opener still runs.
 */
export interface Lifeline {
  /** Called with each connection, from now on. Without it connections are only a sign of life. */
  onConnection(answer: (socket: Socket) => void): void;
  close(): Promise<void>;
}

/** `open`: somebody listens. `refused`: nobody does any more. `silent`: it can't be told. */
export type Knock = 'open' | 'refused' | 'silent';

const folderName = 'lifelines';
const knockLimitMs = 250;
/** `sun_path` has room for 108 bytes on Linux and 104 on macOS. */
const maxSocketPath = 100;

/** @returns undefined where no socket can be made: on Windows, and on file systems that have none. */
export async function openLifeline(directory: string, instance: string): Promise<Lifeline | undefined> {
  if (process.platform === 'win32') return undefined;
  const folder = join(directory, folderName);
  try {
    await makePrivateFolder(folder);
    let answer: (socket: Socket) => void = () => {};
    const connected = new Set<Socket>();
    const server = createServer((socket) => {
      connected.add(socket.unref());
      socket.on('error', () => socket.destroy()).on('close', () => connected.delete(socket));
      answer(socket);
    });
    await withShortPath(folder, `${instance}.new`, (path) => listen(server, path));
    // Node removes the name that a socket was bound to when it closes it, also as a thread ends. Under another name it stays, and refuses.
    await rename(join(folder, `${instance}.new`), join(folder, instance));
    return {
      onConnection: (given) => void (answer = given),
      async close() {
        await rm(join(folder, instance), { force: true });
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        for (const socket of connected) socket.destroy();
        await closed;
      },
    };
  } catch (error) {
    if (error instanceof ForeignFolderError) throw error;
    return undefined;
  }
}

/** Asks the kernel whether the opener lives. */
export async function knock(directory: string, instance: string): Promise<Knock> {
  if (!isName(instance)) return 'silent';
  try {
    const socket = await connectTo(directory, instance);
    socket.destroy();
    return 'open';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') return 'refused';
    // Its line of callers is full: it lives, and is very busy or stopped.
    return code === 'EAGAIN' || code === 'ETIMEDOUT' ? 'open' : 'silent';
  }
}

/** A connection to a living opener. Rejects with what the system says. */
export async function connectTo(directory: string, instance: string, clock: Clock = systemClock): Promise<Socket> {
  return withShortPath(
    join(directory, folderName),
    instance,
    (path) =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ path });
        const timer = clock.after(knockLimitMs, () =>
          socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
        );
        socket.once('connect', () => {
          timer.cancel();
          socket.off('error', reject);
          resolve(socket);
        });
        socket.once('error', (error) => {
          timer.cancel();
          reject(error);
        });
      }),
  );
}

/**
 * Removes what openers that were killed have left, where that can be done. One that a mark still names stays, as it judges that mark.
 *
 * An opener that is refused makes no mark any more. So the marks are read after all were asked.
 *
 * @param marks stamps of all whom a mark names.
 */
export async function clearLifelines(directory: string, marks: () => Promise<readonly string[]>): Promise<void> {
  const refused: string[] = [];
  for (const name of await readdir(join(directory, folderName)).catch(() => [])) {
    if (isName(name) && (await knock(directory, name)) === 'refused') refused.push(name);
  }
  if (refused.length === 0) return;
  // A directory that can't be listed can be used: what is left there stays.
  const stamps = await marks().catch(() => undefined);
  if (!stamps) return;
  const marked = new Set(stamps.map((stamp) => readStamp(stamp).instance));
  for (const name of refused.filter((instance) => !marked.has(instance))) {
    await rm(join(directory, folderName, name), { force: true }).catch(() => undefined);
  }
}

/**
 * Those whom a lock, a mark `opening` or a user's file names, of whichever database of the directory. Nobody is judged by what lies in a folder that was
 * set aside, and the rest of the directory is other people's.
 */
export async function databaseMarks(directory: string): Promise<readonly string[]> {
  const stamps: string[] = [];
  for (const name of (await readdir(directory)).filter(isOfDatabase)) {
    const path = join(directory, name);
    stamps.push(...(await readdir(join(path, 'users')).catch(() => [])));
    for (const mark of [path, join(path, 'opening')]) stamps.push(await readlink(mark).catch(() => ''));
  }
  return stamps;
}

/** `v2`, `v2-<container>`, `v2.lock`, also one that is just moved aside. */
const isOfDatabase = (name: string): boolean => /^v\d/.test(name) && !/\.(?:damaged|discarded)-/.test(name);

const isName = (instance: string): boolean => /^[0-9a-f]{8}$/.test(instance);

/** A path that is too long for a socket is named through an open handle of its folder, where the system knows such names. */
async function withShortPath<T>(folder: string, name: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= maxSocketPath) return use(path);
  const handle = openSync(folder, 'r');
  try {
    return await use(`/proc/self/fd/${handle}/${name}`);
  } finally {
    closeSync(handle);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Exclusive: in a worker of `cluster` the socket would be the primary's, and would tell of its life.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject);
      server.unref();
      resolve();
    });
  });
}
