import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../value/clock.js';
import { isWireSafe } from '../store-key.js';

/** Our keys have 250 bytes at most, written with up to three characters each; the facts behind them are short. */
const maxLineBytes = 4_096;

/**
 * The keys of a server that begin with the prefix, as its crawler comes upon them (`lru_crawler metadump`, doc/protocol.txt). The socket is used for
 * nothing else, and destroyed at the end. Expired items are not told. What the server moves between
 * its lists of recency meanwhile may be told twice or never. By the hash table (`hash`) nothing would be missed, but up to 1.6.18 the server holds locks of
 * items while it waits for a reader that is slow.
 *
 * @param quietMs a server that says nothing for so long is given up.
 * @throws CrawlerBusyError: one crawl at a time. Error with the server's own words when it refuses otherwise, as with `-o no_lru_crawler`.
 */
export async function* metadump(
  socket: Socket,
  prefix: string,
  quietMs: number,
  clock: Clock,
): AsyncGenerator<string, void, undefined> {
  const wait = (): Timer =>
    clock.after(quietMs, () => void socket.destroy(new Error(`it said nothing for ${quietMs} ms`)));
  let quiet = wait();
  socket.write('lru_crawler metadump all\r\n');
  let rest = '';
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      quiet.cancel();
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > maxLineBytes) throw new Error('it answers nonsense');
      for (const line of lines) {
        if (line.startsWith('END')) return;
        // From 1.6.43 on it stands in front.
        if (line === 'OK\r') continue;
        if (!line.startsWith('key=')) throw refusalOf(line.trim().slice(0, 100));
        const key = decoded(line.slice('key='.length, line.indexOf(' ')));
        if (key?.startsWith(prefix)) yield key;
      }
      quiet = wait();
    }
    throw new Error('the connection was closed');
  } finally {
    quiet.cancel();
    socket.destroy();
  }
}

/** Somebody else lists, or the server looks for what has expired. */
export class CrawlerBusyError extends Error {
  readonly code = 'CRAWLER_BUSY';
}

function refusalOf(said: string): Error {
  const message = `it does not list: ${said}`;
  return said.startsWith('BUSY') ? new CrawlerBusyError(message) : new Error(message);
}

/** undefined for keys that are none of ours. The server takes a line break into a key, and tells it as `%0A`. */
function decoded(key: string): string | undefined {
  try {
    const storeKey = decodeURIComponent(key);
    return isWireSafe(storeKey) ? storeKey : undefined;
  } catch {
    return undefined;
  }
}
