// Compiled and run in each combination of versions: one part for each of the package's entries and for what Nest's version could break.
import { cacheManager } from './parts/cache-manager.js';
import { cachedResponse } from './parts/cached-response.js';
import { clsHooked } from './parts/cls-hooked.js';
import { decorators } from './parts/decorators.js';
import { files } from './parts/files.js';
import { keyv } from './parts/keyv.js';
import { memcached } from './parts/memcached.js';
import { messages } from './parts/messages.js';
import { nestjsCls } from './parts/nestjs-cls.js';
import { opentelemetry } from './parts/opentelemetry.js';
import { promClient } from './parts/prom-client.js';
import { redis } from './parts/redis.js';
import { requestScope } from './parts/request-scope.js';
import { s3 } from './parts/s3.js';
import { terminus } from './parts/terminus.js';
import { testing } from './parts/testing.js';
import { tiers } from './parts/tiers.js';

const parts = {
  tiers,
  requestScope,
  messages,
  decorators,
  cachedResponse,
  cacheManager,
  files,
  keyv,
  nestjsCls,
  clsHooked,
  terminus,
  promClient,
  opentelemetry,
  testing,
  s3,
  memcached,
  redis,
};

async function main() {
  let passed = 0;
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part();
      passed += 1;
    } catch (error) {
      console.error(`${name}:`, error);
    }
  }
  console.log(`${passed} of ${Object.keys(parts).length} parts`);
  // Where all went well, the process has to end by itself.
  if (passed < Object.keys(parts).length) process.exit(1);
}

void main();
