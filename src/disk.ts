export { diskStore } from './store/disk/disk-store.js';
export type { DiskStoreOptions } from './store/disk/disk-store.js';
