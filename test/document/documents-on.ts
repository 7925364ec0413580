import { redisDocumentsWith } from '../../src/document/redis-documents.js';
import type { RedisDocuments } from '../../src/document/redis-documents.js';
import type { RedisDocumentsOptions } from '../../src/document/document-options.js';
import type { OpenedDocument } from '../../src/document/document-reads.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { patience } from '../support/patience.js';

/** A server as documents want it. */
export function startDocumentServer(maxMemory = '60mb', policy = 'volatile-lru'): Promise<RedisProcess> {
  const persistence = ['--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0'];
  return startRedis({ args: ['--maxmemory', maxMemory, '--maxmemory-policy', policy, ...persistence] });
}

/** Documents that sweep only when they are told. @param removedForMs how long marks of deletions are kept, if not as long as usual. */
export function documentsOn(
  server: RedisProcess,
  objects: ObjectStore,
  options: Partial<RedisDocumentsOptions> = {},
  removedForMs?: number,
): RedisDocuments {
  const connection = { url: server.url, ...patience };
  const given = { connection, objects, sweepEvery: Infinity, onWarning: () => {}, ...options };
  return redisDocumentsWith(given, undefined, removedForMs);
}

export async function bytesOf(opened: OpenedDocument | undefined): Promise<Buffer | undefined> {
  if (!opened) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of opened.body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function textIn(documents: RedisDocuments, id: string): Promise<string | undefined> {
  return (await bytesOf(await documents.get(id)))?.toString();
}

export async function keysIn(objects: ObjectStore, prefix = 'documents/'): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(prefix)) keys.push(key);
  return keys;
}

/** An object store with another `put`, or other operations. */
export function objectsWith(objects: ObjectStore, changed: Partial<ObjectStore>): ObjectStore {
  return {
    name: objects.name,
    presigns: false,
    open: (...args) => objects.open(...args),
    head: (...args) => objects.head(...args),
    put: (...args) => objects.put(...args),
    remove: (...args) => objects.remove(...args),
    list: (...args) => objects.list(...args),
    presign: (...args) => objects.presign(...args),
    ...changed,
  };
}
