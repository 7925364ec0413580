import { Agent, get } from 'node:http';
import { counted, throughput } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { forkServers } from '../support/forked-server.js';

const requests = 1_000;
const kinds = ['none', 'AsyncLocalStorage', 'nestjs-tiered-cache', 'nestjs-cls', 'cls-hooked'];

export const benchmark: Benchmark = {
  name: 'scope',
  unit: 'ns/request',
  title: 'A request with a scope',
  work: 'an HTTP request with 20 look-ups and 100 awaits, in no scope and in each kind of scope',
  meaning: 'What the request tier adds to a request: whether it can be left on everywhere.',
  aims: [{ of: '', atMost: 3, onNode24: 1.3 }],
  limit: 'none',
  rounds: 7,
  async prepare(smoke) {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const servers = await forkServers('./scope-server.ts', kinds, smoke);
    const subjects = kinds.map((name, index) => {
      const port = servers.ports[index] ?? 0;
      return {
        name,
        round: async () => 1e9 / (await throughput(counted(requests, smoke), 4, () => request(port, agent))),
      };
    });
    const close = (): void => {
      agent.destroy();
      servers.stop();
    };
    return { comparisons: [{ variant: '', baseline: 'none', subjects }], close };
  },
};

function request(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get({ port, host: '127.0.0.1', agent }, (response) => response.resume().once('end', () => resolve()));
    sent.once('error', reject);
  });
}
