import { InvalidOptionError, StoredObjects } from 'nestjs-tiered-cache';
import { redisBackup } from 'nestjs-tiered-cache/redis';
import { redisBackups } from './catalogue/objects.keys.js';
import { Configuration } from './configuration.js';
import { objectStoreOf } from './object-store.js';

// node dist/backup.js, nightly: the keys of Redis without an expiration become an object, s3_files/backup/redis/{timestamp}.bak, with its manifest beside it.
const configuration = new Configuration();
if (configuration.redisUrl === undefined) {
  throw new InvalidOptionError('FILES_REDIS_URL', 'it is missing', 'Say which Redis: redis://localhost:6379.');
}
const objects = new StoredObjects(objectStoreOf(configuration));
const backup = redisBackup({ connection: { url: configuration.redisUrl } });
try {
  const { manifest, stored } = await backup.takeInto((body) => objects.put(redisBackups, {}, body), {
    onProgress: ({ phase, records, expectedRecords }) => console.error(`${phase} ${records} of ${expectedRecords}`),
  });
  await objects.store.put(`${stored.key}.manifest.json`, JSON.stringify(manifest));
  console.log(JSON.stringify({ key: stored.key, records: manifest.records, bytes: manifest.bytes }));
} finally {
  await backup.close();
}
