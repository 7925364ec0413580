export { cacheManager } from './adapter/cache-manager.js';
export type { CacheManagerOptions } from './adapter/cache-manager.js';
export { CacheManagerModule } from './adapter/cache-manager.module.js';
export type {
  CacheManagerModuleAsyncOptions,
  CacheManagerModuleExtras,
  CacheManagerModuleOptions,
  CacheManagerOptionsFactory,
} from './adapter/cache-manager.module.js';
