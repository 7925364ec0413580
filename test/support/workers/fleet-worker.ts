import { diskStore } from '../../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { FleetMember } from '../fleet/fleet-member.js';
import type { MemberData } from '../fleet/fleet-member.js';
import { serveWorker } from '../serve-worker.js';

export interface FleetWorkerData extends MemberData {
  readonly store:
    | { readonly directory: string }
    | { readonly servers: string; readonly commandTimeout?: number; readonly connectTimeout?: number }
    | {
        readonly url: string;
        readonly checksIncarnation: boolean;
        readonly commandTimeout?: number;
        readonly connectTimeout?: number;
      };
}

serveWorker<FleetWorkerData>(async (data) => {
  const member = new FleetMember(data, () => {
    const { store } = data;
    if ('url' in store) {
      const { checksIncarnation, ...options } = store;
      return redisStoreWith(options, { checksIncarnation });
    }
    return 'directory' in store ? diskStore(store) : memcachedStore(store);
  });
  await member.open();
  const methods = Object.getOwnPropertyNames(FleetMember.prototype).filter((name) => name !== 'constructor');
  return Object.fromEntries(methods.map((name) => [name, member[name as keyof FleetMember].bind(member)]));
});
