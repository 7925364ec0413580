import type { RedisReply } from './driver/redis-driver.js';
import { textOf } from './redis-reply.js';

/** What a server says of itself, for people: of all that it holds, others' keys among it. */
export function readFacts(info: RedisReply, size: RedisReply): Readonly<Record<string, string | number>> {
  const facts = new Map(
    [...(textOf(info) ?? '').matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const number = (name: string): number => Number(facts.get(name) ?? 0);
  return {
    entries: Number(size),
    bytes: number('used_memory'),
    maxBytes: number('maxmemory') || number('total_system_memory'),
    evictionPolicy: facts.get('maxmemory_policy') ?? '',
    evictions: number('evicted_keys'),
    hits: number('keyspace_hits'),
    misses: number('keyspace_misses'),
    connections: number('connected_clients'),
    uptimeSeconds: number('uptime_in_seconds'),
    version: facts.get('redis_version') ?? '',
    role: facts.get('role') ?? '',
  };
}
