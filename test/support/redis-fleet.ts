import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { RedisProcess, startRedis } from './redis-process.js';

/** Starts a replica of this server, and resolves once it holds what the server holds. @param primaryPort where it connects to: a proxy's, perhaps. */
export async function startReplica(primaryPort: number, args: readonly string[] = []): Promise<RedisProcess> {
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${primaryPort}`, ...args] });
  await eventually(async () => {
    if ((await replica.info('replication'))['master_link_status'] !== 'up')
      throw new Error('the replica is not in sync');
  });
  return replica;
}

export interface Sentinels {
  readonly name: string;
  readonly addresses: readonly string[];
  /** From now on a primary that is silent for so long is down. */
  watchClosely(downAfterMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts three sentinels that watch this primary, and resolves once each of them knows the others and the replicas.
 *
 * @param downAfterMs default: far longer than a busy machine keeps a primary silent that is well. See `watchClosely`.
 */
export async function startSentinels(
  primary: RedisProcess,
  { name = 'main', replicas = 1, downAfterMs = 60_000 } = {},
): Promise<Sentinels> {
  const started = await Promise.all(
    [0, 1, 2].map(async () => {
      const file = join(mkdtempSync(join(tmpdir(), 'sentinel-')), 'sentinel.conf');
      writeFileSync(
        file,
        [
          `sentinel monitor ${name} 127.0.0.1 ${primary.port} 2`,
          `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
          `sentinel failover-timeout ${name} 3000`,
          '',
        ].join('\n'),
      );
      const sentinel = new RedisProcess(await freePort(), [], [file, '--sentinel']);
      await sentinel.start();
      return sentinel;
    }),
  );
  await eventually(
    async () => {
      for (const sentinel of started) {
        const state = await sentinel.info('sentinel');
        const known = `slaves=${replicas},sentinels=${started.length}`;
        if (!state['master0']?.includes(known)) throw new Error(`a sentinel does not know ${known} yet`);
      }
    },
    { everyMs: 50 },
  );
  return {
    name,
    addresses: started.map(({ address }) => address),
    watchClosely: async (closelyMs = 800) => {
      const set = ['SENTINEL', 'SET', name, 'down-after-milliseconds', closelyMs] as const;
      await Promise.all(started.map((sentinel) => sentinel.command(...set)));
    },
    stop: async () => void (await Promise.all(started.map((sentinel) => sentinel.stop()))),
  };
}

export interface RedisClusterProcesses {
  readonly nodes: readonly RedisProcess[];
  /** The node that holds this slot when the cluster has just been made. */
  ownerOf(slot: number): RedisProcess;
  stop(): Promise<void>;
}

const slotCount = 16_384;
/** Longer than a busy machine keeps a node silent that is well: no test waits for the others to find one out. */
export const nodeTimeoutMs = 15_000;

/** Starts a cluster of three primaries, the slots in three equal ranges. Resolves once each node says that the cluster is whole. */
export async function startRedisCluster(args: readonly string[] = []): Promise<RedisClusterProcesses> {
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    `${nodeTimeoutMs}`,
    '--cluster-require-full-coverage',
    'no',
  ];
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis({ args: [...cluster, ...args] })));
  const share = Math.ceil(slotCount / nodes.length);
  const [first] = nodes as [RedisProcess, ...RedisProcess[]];
  await Promise.all(
    nodes.map(async (node, index) => {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      const range = [index * share, Math.min((index + 1) * share, slotCount) - 1];
      await node.command('CLUSTER', 'ADDSLOTSRANGE', ...range);
      if (node !== first) await node.command('CLUSTER', 'MEET', '127.0.0.1', first.port);
    }),
  );
  await eventually(async () => {
    for (const node of nodes) {
      const state = await node.text('CLUSTER', 'INFO');
      if (!state.includes('cluster_state:ok') || !state.includes(`cluster_known_nodes:${nodes.length}`)) {
        throw new Error('the cluster is not whole yet');
      }
      if (!state.includes(`cluster_slots_assigned:${slotCount}`)) throw new Error('slots are not known everywhere yet');
    }
  });
  return {
    nodes,
    ownerOf: (slot) => nodes[Math.floor(slot / share)] as RedisProcess,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}

/** Every key of a slot goes over, one by one, as an operator's tool does it; a script on several of them has to wait meanwhile. */
export async function moveSlot(
  cluster: RedisClusterProcesses,
  slot: number,
  from: RedisProcess,
  to: RedisProcess,
): Promise<void> {
  const [fromId, toId] = [await from.text('CLUSTER', 'MYID'), await to.text('CLUSTER', 'MYID')];
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
  for (;;) {
    const [key] = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as readonly Buffer[];
    if (!key) break;
    await from.command('MIGRATE', '127.0.0.1', to.port, key, 0, 2_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const node of [to, from, ...cluster.nodes.filter((other) => other !== to && other !== from)]) {
    await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
  }
}
