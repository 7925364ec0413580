export { s3ObjectStore } from './object/s3/s3-object-store.js';
export type { S3ObjectStoreOptions } from './object/s3/s3-object-store.js';
