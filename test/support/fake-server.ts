import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface FakeServer {
  readonly port: number;
  readonly address: string;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Of these, those that have ended. */
  readonly closed: number;
  /** What arrived, one text per chunk. */
  readonly chunks: readonly string[];
  close(): Promise<void>;
}

/** A server on 127.0.0.1 that answers each line as it is told; `undefined` is silence. */
export async function startFakeServer(answer: (line: string) => string | undefined): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  const chunks: string[] = [];
  let accepted = 0;
  let closed = 0;
  const server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    let partial = '';
    socket.on('error', () => {});
    socket.on('close', () => {
      closed++;
      sockets.delete(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk.toString('latin1'));
      const lines = (partial + chunk.toString('latin1')).split('\r\n');
      partial = lines.pop() ?? '';
      const replies = lines.map(answer).filter((reply) => reply !== undefined);
      if (replies.length > 0) socket.write(replies.join(''), 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    address: `127.0.0.1:${port}`,
    get accepted() {
      return accepted;
    },
    get closed() {
      return closed;
    },
    chunks,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Greets as a memcached of that version does, and then answers meta commands with `answer`.
 * @param settings further lines of `stats settings`.
 */
export function greeting(
  version: string,
  answer: (line: string) => string | undefined = () => undefined,
  settings = '',
) {
  return (line: string): string | undefined => {
    if (line === 'version') return `VERSION ${version}\r\n`;
    if (/^mg ~(?:greeting|clock) /.test(line)) return `EN ${line.split(' ').at(-1) ?? ''}\r\n`;
    if (line === 'stats settings') return `STAT item_size_max 1048576\r\nSTAT evictions on\r\n${settings}END\r\n`;
    return answer(line);
  };
}
