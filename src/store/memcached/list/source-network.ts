import type { Clock } from '../../../value/clock.js';
import { openLine } from '../open-line.js';
import type { ServerOptions } from '../memcached-server.js';
import { parseOneServer } from '../server-address.js';
import type { SourceNetwork } from './server-source.js';

/** Asks as the store itself does: with its deadlines, TLS and credentials. */
export function sourceNetwork(options: ServerOptions): SourceNetwork {
  return {
    talk: async (text, request, isWhole) => {
      const server = parseOneServer(text);
      const { socket } = await openLine(server.host, { ...options, server, sockets: new Set() });
      const timer = options.clock.after(options.commandTimeoutMs, () =>
        socket.destroy(new Error(`no whole answer within ${options.commandTimeoutMs} ms`)),
      );
      try {
        socket.write(request);
        let answer = '';
        for await (const chunk of socket as AsyncIterable<Buffer>) {
          answer += chunk.toString('latin1');
          if (isWhole(answer)) return answer;
        }
        throw new Error('the connection was closed');
      } finally {
        timer.cancel();
        socket.destroy();
      }
    },
    addressesOf: (host) => options.resolve(host),
  };
}

/** Sources of users may never answer. */
export function within<R>(answer: Promise<R>, deadlineMs: number, clock: Clock): Promise<R> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`the source did not answer within ${deadlineMs} ms`));
    const timer = clock.after(deadlineMs, late);
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}
