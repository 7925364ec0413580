import { folderObjectStore } from '../../src/object/folder-object-store.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { redisDocuments } from '../../src/document/redis-documents.js';
import { serveWorker } from '../support/serve-worker.js';
import { objectsWith } from './documents-on.js';
import { patience } from '../support/patience.js';

/** Where the process ends itself. */
export type DeathAt =
  'incoming' | 'before upload' | 'in upload' | 'after upload' | 'before prune' | 'in prune' | 'after past';

export interface DocumentWorkerData {
  readonly url: string;
  readonly directory: string;
  readonly deathAt: DeathAt;
}

serveWorker(async ({ url, directory, deathAt }: DocumentWorkerData) => {
  const folder = folderObjectStore({ directory });
  const die = (): Promise<never> => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  };
  const atUpload: Partial<ObjectStore> = {
    put: async (key, body, options) => {
      if (deathAt === 'before upload') return die();
      if (deathAt === 'in upload') {
        const half = async function* (): AsyncGenerator<Uint8Array> {
          for await (const chunk of body as AsyncIterable<Uint8Array>) {
            yield chunk.subarray(0, chunk.length / 2);
            await die();
          }
        };
        return folder.put(key, half(), options);
      }
      const written = await folder.put(key, body, options);
      return deathAt === 'after upload' || deathAt === 'after past' ? die() : written;
    },
    list: (...args) => {
      if (deathAt === 'before prune') void die();
      return folder.list(...args);
    },
    remove: async (...args) => {
      await folder.remove(...args);
      if (deathAt === 'in prune') await die();
    },
  };
  const documents = redisDocuments({
    connection: { url, ...patience },
    objects: objectsWith(folder, atUpload),
    sweepEvery: Infinity,
    onWarning: () => {},
    ...(deathAt === 'after past' && { maxBytes: 0 }),
  });
  return {
    put: async (id: string, text: string): Promise<string> => (await documents.put(id, text)).revision,
    /** Ends in the middle of a source. */
    putHalf: (id: string): Promise<unknown> =>
      documents.put(
        id,
        (async function* () {
          for (let n = 0; n < 4; n++) yield Buffer.alloc(2 ** 19, 'h');
          await die();
        })(),
      ),
    delete: (id: string): Promise<void> => documents.delete(id),
    uploaded: (): Promise<void> => documents.uploaded(),
    stop: (): Promise<void> => documents.close(),
  };
});
