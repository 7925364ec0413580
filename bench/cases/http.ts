import autocannon from 'autocannon';
import { verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { forkServers } from '../support/forked-server.js';
import { ours } from '../support/subjects.js';

const seconds = 2;
const adapters = ['Express', 'Fastify'] as const;
const contenders = adapters.flatMap((adapter) => [
  { adapter, name: 'bare', app: 'bare' },
  { adapter, name: 'AsyncLocalStorage', app: 'storage' },
  { adapter, name: `${ours} module`, app: 'module' },
  { adapter, name: `${ours} @CachedResponse`, app: 'cached' },
  { adapter, name: '@nestjs/cache-manager interceptor', app: 'official' },
]);

export const benchmark: Benchmark = {
  name: 'http',
  unit: 'req/s',
  title: 'A cached response',
  work: 'requests of a Nest controller that answers 20 KB of JSON',
  meaning:
    'The module by itself costs a request next to nothing. A cached response is kept as the bytes that go out: neither the handler nor JSON.stringify runs.',
  aims: [
    { of: 'module Express', atLeast: 0.95 },
    { of: 'module Fastify', atLeast: 0.95 },
    { of: 'module Fastify', atLeast: 0.97, beside: 'AsyncLocalStorage Fastify' },
    { of: '@CachedResponse Express', atLeast: 1.3, beside: '@nestjs/cache-manager interceptor Express' },
    { of: '@CachedResponse Fastify', atLeast: 1.3, beside: '@nestjs/cache-manager interceptor Fastify' },
  ],
  remark:
    '`bare` makes its answer anew for each request. `AsyncLocalStorage` opens a store of it for each request and does nothing else: what any scope of a request costs, whoever opens it. On Node 20 a process in which it is used pays for each promise.',
  rounds: 5,
  async prepare(smoke) {
    const length = smoke ? { connections: 2, amount: 20, sampleInt: 20 } : { connections: 20, duration: seconds };
    const comparisons: Comparison[] = [];
    const served = contenders.map(({ app, adapter }) => `${app} ${adapter}`);
    const servers = await forkServers('./nest-server.ts', served, smoke);
    for (const adapter of adapters) {
      const subjects = [];
      for (const [index, contender] of contenders.entries()) {
        if (contender.adapter !== adapter) continue;
        const { name } = contender;
        const url = `http://127.0.0.1:${servers.ports[index]}/document`;
        const answer = await (await fetch(url)).text();
        verify(answer.length > 19_000 && answer.startsWith('{"count":76,'), `${name} on ${adapter}`);
        subjects.push({
          name,
          round: async () => {
            const result = await autocannon({ url, ...length });
            verify(result.non2xx === 0 && result.errors === 0, `${name} answered with errors`);
            return result.requests.average;
          },
        });
      }
      comparisons.push({ variant: adapter, baseline: 'bare', subjects });
    }
    return { comparisons, close: () => servers.stop() };
  },
};
