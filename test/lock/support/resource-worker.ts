import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { serveWorker } from '../../support/serve-worker.js';
import { Journal } from './journal.js';

export interface ResourceWorkerData {
  readonly journal: string;
  /** False: it takes any write, as most resources do. */
  readonly comparesTokens?: boolean;
}

interface Question {
  readonly op: 'read' | 'write';
  readonly token: number;
  readonly value: number;
}

/** A number that a lock protects, in a process of its own; it refuses tokens that are not larger than all it has seen, and journals each write. */
serveWorker<ResourceWorkerData>(({ journal: path, comparesTokens = true }) => {
  const journal = new Journal(path);
  let value = 0;
  let max = 0;
  const answer = ({ op, token, value: wanted }: Question): object => {
    const accepted = op === 'write' && (!comparesTokens || token > max);
    if (op === 'write') journal.append(accepted ? 'accepted' : 'refused', token, max, value, wanted);
    if (accepted) {
      value = wanted;
      max = Math.max(max, token);
    }
    return { value, max, accepted };
  };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', (line) => {
      socket.write(`${JSON.stringify(answer(JSON.parse(line) as Question))}\n`);
    });
    socket.unref();
  });
  return {
    async listen() {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as AddressInfo).port;
    },
    stop() {
      server.close();
      journal.close();
    },
  };
});
