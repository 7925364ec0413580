export { clsHookedStorage } from './adapter/cls-hooked-storage.js';
export type { ClsHookedNamespace } from './adapter/cls-hooked-storage.js';
