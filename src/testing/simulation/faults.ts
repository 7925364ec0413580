import type { FaultName } from './fault-names.js';
import { pickByName, seededRandom } from './seeded-random.js';
import type { History } from './history.js';
import type { RestartableStore } from './restartable-store.js';
import type { SimulatedHost } from './simulated-host.js';
import type { SimulatedNetwork } from './simulated-network.js';
import type { Direction } from './step.js';

/** Where something goes wrong. */
export interface FaultyWorld {
  readonly network: SimulatedNetwork;
  readonly history: History;
  readonly store: RestartableStore;
  readonly members: readonly { readonly host: SimulatedHost }[];
  crash(member: { readonly host: SimulatedHost }): void;
}

/** Lets it go wrong, somewhere by a draw. */
export async function commitFault(fault: FaultName, world: FaultyWorld, salt: number): Promise<void> {
  const random = seededRandom(salt);
  const { network, history, store } = world;
  const one = random.pick(world.members);
  const { host } = one;
  const shard = random.integer(0, store.shards.length - 1);
  const shardName = store.shards.length > 1 ? `shard ${shard}` : 'the store';
  const choose = <T extends { readonly id: string }>(steps: readonly T[]): T | undefined =>
    pickByName(steps, ({ id }) => id, salt);
  switch (fault) {
    case 'lose':
      if (network.lose(choose)) history.fault('one is lost');
      return;
    case 'duplicate':
      if (network.repeat(choose)) history.fault('one arrives twice');
      return;
    case 'cut':
      history.fault(`${host.name} and ${shardName} are cut off from each other`);
      for (const direction of ['commands', 'answers'] as const) network.cut(host, shard, direction);
      return;
    case 'cutOneWay': {
      const direction = random.pick<Direction>(['commands', 'answers']);
      history.fault(`${direction} between ${host.name} and ${shardName} are lost`);
      return network.cut(host, shard, direction);
    }
    case 'away':
      history.fault(`${shardName} is away`);
      return void network.away.add(shard);
    case 'restartStore':
    case 'emptyStore': {
      history.fault(`${shardName} is restarted${fault === 'emptyStore' ? ', empty' : ''}`);
      network.dropShard(shard);
      return store.restart(shard, fault === 'emptyStore' ? 'without memory' : 'with memory');
    }
    case 'evict': {
      const key = pickByName(store.shards[shard]?.written ?? [], (written) => written, salt);
      if (key === undefined || (await store.shards[shard]?.remove(key)) !== 'removed') return;
      return history.fault(`${key} is evicted`);
    }
    case 'crash':
      if (host.isCrashed) return;
      history.fault('crashes', host.name);
      return world.crash(one);
    case 'standStill':
      if (host.isCrashed || host.isStill) return;
      history.fault('stands still', host.name);
      return host.standStill();
    case 'stepClock': {
      const byMs = random.pick([-3_600_000, -30_000, -3_000, -500, 500, 3_000, 30_000, 3_600_000]);
      history.fault(`has its wall clock set ${byMs > 0 ? 'forward' : 'back'} by ${Math.abs(byMs)} ms`, host.name);
      return host.clock.stepBy(byMs);
    }
  }
}
