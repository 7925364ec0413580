export { KeyvStorage, keyvStorage } from './adapter/keyv-storage.js';
export type { KeyvStorageOptions } from './adapter/keyv-storage.js';
export { keyvStore } from './adapter/keyv-store.js';
export type { KeyvStoreOptions } from './adapter/keyv-store.js';
export type { KeyvLike } from './adapter/keyv-shard.js';
