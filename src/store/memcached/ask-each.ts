import type { Command, Reply } from './conversation.js';
import type { MetaConnection } from './meta-connection.js';
import { ServerError } from './server-error.js';

/**
 * One command for each index, all in one write, answered in order: one promise for all of them.
 * @param command undefined: nothing needs to be asked, and `read` is called without a reply.
 * @param read what it throws is what the promise rejects with.
 * @param failed why there are no replies, as the caller is to be told.
 */
export function askEach<R>(
  connection: MetaConnection,
  count: number,
  command: (index: number) => Command | undefined,
  read: (reply: Reply | undefined, index: number) => R,
  failed: (error: unknown) => Error,
): Promise<R[]> {
  return new Promise((resolve, reject) => {
    const results = new Array<R>(count);
    let left = count;
    if (left === 0) return resolve(results);
    const settle = (index: number, reply: Reply | undefined): void => {
      try {
        results[index] = read(reply, index);
      } catch (unexpected) {
        return reject(unexpected);
      }
      if (--left === 0) resolve(results);
    };
    for (let index = 0; index < count; index++) {
      const asked = command(index);
      if (!asked) {
        settle(index, undefined);
        continue;
      }
      connection.send(
        asked.line,
        (error, reply) => {
          if (reply) settle(index, reply);
          else if (error instanceof ServerError) settle(index, error);
          else reject(failed(error));
        },
        asked.body,
      );
    }
  });
}
