import { Agent, get } from 'node:http';
import { verify } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { forkServers } from '../support/forked-server.js';
import { ours } from '../support/subjects.js';

const contenders = [
  { adapter: 'Express', name: `${ours} send`, app: 'send' },
  { adapter: 'Express', name: 'sendFile', app: 'plain' },
  { adapter: 'Fastify', name: `${ours} send`, app: 'send' },
  { adapter: 'Fastify', name: '@fastify/static', app: 'plain' },
] as const;

const files = [
  { name: 'small', shown: '20 KB', bytes: 20_000, requests: 1_000, atOnce: 20 },
  { name: 'large', shown: '250 MB', bytes: undefined, requests: 2, atOnce: 2 },
] as const;

export const benchmark: Benchmark = {
  name: 'files',
  unit: 'MB/s',
  title: 'A file',
  work: 'a warm file through a Nest controller, 20 KB for 20 clients and 250 MB for 2',
  meaning:
    'A file of the object store that lies on the host’s disk already, beside what the platform sends a plain file with.',
  aims: [
    { of: 'send Express, 20 KB', atLeast: 0.9 },
    { of: 'send Express, 250 MB', atLeast: 0.9 },
    { of: 'send Fastify, 20 KB', atLeast: 0.9 },
    { of: 'send Fastify, 250 MB', atLeast: 0.9 },
  ],
  rounds: 5,
  async prepare(smoke) {
    const largeBytes = smoke ? 2_000_000 : 250_000_000;
    const served = contenders.map(({ app, adapter }) => `${app} ${adapter} ${largeBytes}`);
    const servers = await forkServers('./file-server.ts', served, smoke);
    const agent = new Agent({ keepAlive: true });
    const comparisons = (['Express', 'Fastify'] as const).flatMap((adapter) =>
      files.map(({ name, shown, bytes = largeBytes, requests, atOnce }) => ({
        variant: `${adapter}, ${shown}`,
        baseline: adapter === 'Express' ? 'sendFile' : '@fastify/static',
        subjects: contenders.flatMap((contender, index) => {
          if (contender.adapter !== adapter) return [];
          const url = `http://127.0.0.1:${servers.ports[index]}/${name}`;
          const round = async (): Promise<number> => {
            let left = smoke ? atOnce : requests;
            const total = left * bytes;
            const startedAt = performance.now();
            const client = async (): Promise<void> => {
              while (left-- > 0) verify((await bytesOf(url, agent)) === bytes, `${contender.name}: ${name}`);
            };
            await Promise.all(Array.from({ length: atOnce }, client));
            return total / 1e3 / (performance.now() - startedAt);
          };
          return [{ name: contender.name, round }];
        }),
      })),
    );
    return {
      comparisons,
      close: () => {
        agent.destroy();
        servers.stop();
      },
    };
  },
};

function bytesOf(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('error', reject);
      answer.on('end', () => resolve(answer.statusCode === 200 ? bytes : 0));
    });
    request.on('error', reject);
  });
}
