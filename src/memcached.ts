export { memcachedStore } from './store/memcached/memcached-store.js';
export type { MemcachedStoreOptions } from './store/memcached/memcached-store.js';
