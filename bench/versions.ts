import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createRequire } from 'node:module';

const peers = [
  'lru-cache',
  'memcache-client',
  '@redis/client',
  'ioredis',
  'lmdb',
  'layered-loader',
  'async-cache-dedupe',
  'cache-manager',
  '@epic-web/cachified',
  'cacheable',
  'bentocache',
  'keyv',
  '@nestjs/core',
  '@nestjs/cache-manager',
  'nestjs-cls',
  'cls-hooked',
];

/** What was measured: the number of cores, and every package in the run. */
export function readVersions(): string[] {
  const require = createRequire(import.meta.url);
  const versions = peers.map((name) => {
    const paths = require.resolve.paths(name) ?? [];
    for (const path of paths) {
      try {
        return `${name} ${(JSON.parse(readFileSync(`${path}/${name}/package.json`, 'utf8')) as { version: string }).version}`;
      } catch {
        continue;
      }
    }
    return `${name} (absent)`;
  });
  return [`${cpus().length} cores`, ...versions];
}
