import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { serveWorker } from '../../support/serve-worker.js';
import { Journal } from './journal.js';

export interface ResourceWorkerData {
  readonly journal: string;
  /** Names of those that take any write, as most resources do. */
  readonly trusting?: readonly string[];
}

interface Question {
  readonly op: 'read' | 'write';
  readonly name: string;
  readonly token: number;
  readonly value: number;
}

/**
 * Numbers that locks protect, in a process of their own; they refuse tokens that are not larger than all they have seen. Each write is
 * journaled: verdict, name, token, largest token before, value before, value wanted.
 */
serveWorker<ResourceWorkerData>(({ journal: path, trusting = [] }) => {
  const journal = new Journal(path);
  const numbers = new Map<string, { value: number; max: number }>();
  const answer = ({ op, name, token, value: wanted }: Question): object => {
    const { value, max } = numbers.get(name) ?? { value: 0, max: 0 };
    if (op === 'read') return { value, max, accepted: false };
    const accepted = token > max || trusting.includes(name);
    journal.append(accepted ? 'accepted' : 'refused', name, token, max, value, wanted);
    if (accepted) numbers.set(name, { value: wanted, max: Math.max(max, token) });
    return { ...numbers.get(name), accepted };
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
