import { createHash } from 'node:crypto';

/** A script of Lua that is sent by its digest. */
export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

/** @param source of Lua; a first line `#!lua flags=allow-oom` lets it run on a server that is full. */
export function redisScript(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}
