import type { RedisConnection } from '../store/redis/redis-connection.js';
import { textOf } from '../store/redis/redis-reply.js';
import { refusedBy } from '../store/redis/refused-by.js';

/**
 * What the nodes of a Cluster say of their own slots, as a text: it is another one once a slot has moved, there and back as well. Empty for other servers.
 * @throws StoreUnavailableError where a slot is on its way, or is held by a node that is none of these.
 */
export async function slotOwners(connections: readonly RedisConnection[]): Promise<string> {
  const clustered = connections.filter(({ identity }) => identity?.isCluster);
  const answers = await Promise.all(clustered.map(nodesKnownTo));
  const owners = answers.map((nodes) => nodes.find(({ isMyself }) => isMyself));
  const ids = new Set(owners.map((owner) => owner?.id));
  for (const [index, connection] of clustered.entries()) {
    // Only of its own slots a node says that they are on their way.
    if (owners[index]?.slots.includes('[')) {
      throw connection.unavailable('slots are on their way: take the backup when they have arrived');
    }
    if (answers[index]?.some(({ id, slots }) => slots !== '' && !ids.has(id))) {
      throw connection.unavailable('other nodes of its Cluster hold slots as well: connect to it as a Cluster');
    }
  }
  return owners.map((owner) => `${owner?.id} ${owner?.epoch} ${owner?.slots}`).join('\n');
}

interface ClusterNode {
  readonly id: string;
  readonly isMyself: boolean;
  readonly epoch: string;
  /** `0-5460 5462 [5461->-id]`; empty for one that holds none. */
  readonly slots: string;
}

/** `id address flags primary ping-sent pong-received epoch link slot…` */
async function nodesKnownTo(connection: RedisConnection): Promise<readonly ClusterNode[]> {
  const reply = await connection.ask(['CLUSTER', 'NODES']).catch(refusedBy(connection));
  return (textOf(reply) ?? '').split('\n').map((line) => {
    const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.trim().split(' ');
    return { id, isMyself: flags.includes('myself'), epoch, slots: slots.join(' ') };
  });
}
