import { StoredObjects, TieredCacheError } from 'nestjs-tiered-cache';
import { redisBackup } from 'nestjs-tiered-cache/redis';
import { redisBackups } from './catalogue/objects.keys.js';
import { Configuration } from './configuration.js';
import { objectStoreOf } from './object-store.js';

// node dist/backup.js, nightly: the keys of Redis without an expiration become an object, s3_files/backup/redis/{timestamp}.bak, with its manifest beside it.
const configuration = new Configuration();
if (configuration.redisUrl === undefined) {
  console.error('Say which Redis: FILES_REDIS_URL=redis://127.0.0.1:6390 for the one of start:file-service:redis.');
  process.exit(2);
}
const objects = new StoredObjects(objectStoreOf(configuration));
const backup = redisBackup({ connection: { url: configuration.redisUrl } });
try {
  const { manifest, stored } = await backup.takeInto((body) => objects.put(redisBackups, {}, body), {
    onProgress: ({ phase, records, expectedRecords }) => console.error(`${phase} ${records} of ${expectedRecords}`),
  });
  await objects.store.put(`${stored.key}.manifest.json`, JSON.stringify(manifest));
  console.log(JSON.stringify({ key: stored.key, records: manifest.records, bytes: manifest.bytes }));
} catch (error) {
  console.error(error instanceof TieredCacheError ? error.message : error);
  process.exitCode = 1;
} finally {
  await backup.close();
}
