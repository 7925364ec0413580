export { memcachedStore } from './store/memcached/memcached-store.js';
export type { MemcachedStoreOptions } from './store/memcached/memcached-store.js';
export { configEndpoint } from './store/memcached/list/config-endpoint.js';
export { dnsServers } from './store/memcached/list/dns-servers.js';
export type {
  DiscoveredServers,
  ListedServers,
  ServerSource,
  SourceNetwork,
} from './store/memcached/list/server-source.js';
