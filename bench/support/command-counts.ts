import { connect } from 'node:net';
import { verify } from '../harness.js';
import { bareRedis } from './bare-redis.js';

/** How many commands a server has received since it was started. */
export interface CommandCount {
  count(): Promise<number>;
  close(): void;
}

const counters = /STAT (?:cmd_(?:get|set|touch)|(?:delete|incr|decr)_(?:hits|misses)) (\d+)/g;

/** Of memcached: all that read or write an item. */
export function memcachedCommands(port: number): Promise<CommandCount> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      const count = (): Promise<number> =>
        new Promise((answer) => {
          let text = '';
          const read = (chunk: Buffer): void => {
            text += chunk.toString('latin1');
            if (!text.endsWith('END\r\n')) return;
            socket.off('data', read);
            const counts = [...text.matchAll(counters)].map(([, times]) => Number(times));
            answer(counts.reduce((sum, times) => sum + times, 0));
          };
          socket.on('data', read);
          socket.write('stats\r\n');
        });
      resolve({ count, close: () => socket.destroy() });
    });
    socket.once('error', reject);
  });
}

/** Of Redis: those that a script runs among them, and the questions of this count left out. */
export async function redisCommands(address: string): Promise<CommandCount> {
  const client = await bareRedis(address);
  const count = async (): Promise<number> => {
    const calls = [...(await client.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g)];
    verify(calls.length > 0, 'a Redis that counts no commands');
    return calls.reduce((sum, [, name, called]) => (name === 'info' ? sum : sum + Number(called)), 0);
  };
  return { count, close: () => client.destroy() };
}
