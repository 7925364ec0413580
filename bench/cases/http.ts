import autocannon from 'autocannon';
import { verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { forkServer } from '../support/forked-server.js';
import type { ForkedServer } from '../support/forked-server.js';
import { ours } from '../support/subjects.js';

const seconds = 2;

export const benchmark: Benchmark = {
  name: 'http',
  unit: 'req/s',
  work: 'requests of a Nest controller that answers 20 KB of JSON',
  target: 'module ≥ 0.95×; cached response ≥ 1.3 times the official interceptor',
  rounds: 5,
  async prepare() {
    const servers: ForkedServer[] = [];
    const comparisons: Comparison[] = [];
    for (const adapter of ['Express', 'Fastify']) {
      const subjects = [];
      for (const [name, app] of [
        ['bare', 'bare'],
        [`${ours} module`, 'module'],
        [`${ours} @CachedResponse`, 'cached'],
        ['@nestjs/cache-manager interceptor', 'official'],
      ] as const) {
        const server = await forkServer('./nest-server.ts', app, adapter);
        servers.push(server);
        const url = `http://127.0.0.1:${server.port}/document`;
        const answer = (await (await fetch(url)).json()) as { body?: string };
        verify((answer.body?.length ?? 0) > 19_000, `${name} on ${adapter}`);
        subjects.push({
          name,
          round: async () => {
            const result = await autocannon({ url, connections: 20, duration: seconds });
            verify(result.non2xx === 0 && result.errors === 0, `${name} answered with errors`);
            return result.requests.average;
          },
        });
      }
      comparisons.push({ variant: adapter, baseline: 'bare', subjects });
    }
    return { comparisons, close: () => servers.forEach((server) => server.stop()) };
  },
};
