import type { ListedObject } from '../object/object-store.js';
import type { DocumentBackup } from './document-backup.js';

const atOnce = 500;

/**
 * Drops from Redis what the object store has a later revision of. Such a document comes from a replica that took over without the last writes, or from a
 * restored backup: it would be read in place of the later one for as long as it lives.
 *
 * @returns how many.
 */
export async function dropEarlier(backup: DocumentBackup, signal: AbortSignal | undefined): Promise<number> {
  let dropped = 0;
  for await (const latest of latestRevisions(backup, signal)) {
    const found = await Promise.all([...latest].map(([id, revision]) => isEarlier(backup, id, revision)));
    for (const [index, [id, revision]] of [...latest].entries()) {
      if (found[index] && (await backup.server.passBy(id, revision))) dropped++;
    }
  }
  return dropped;
}

/** What was written on the server that answers is the last word, and gets a later revision when it is backed up. */
async function isEarlier({ server }: DocumentBackup, id: string, revision: string): Promise<boolean> {
  const { document, isLast } = await server.look(id);
  return document !== undefined && document.revision < revision && !isLast;
}

/** The latest revision of each document in the object store, so many at a time. Keys are listed in order: those of one document side by side. */
async function* latestRevisions(
  backup: DocumentBackup,
  signal: AbortSignal | undefined,
): AsyncGenerator<ReadonlyMap<string, string>, void> {
  const { server } = backup;
  let batch = new Map<string, string>();
  for await (const { key } of listed(backup, signal)) {
    const named = server.names.read(key);
    if (!named) continue;
    if (batch.size >= atOnce && !batch.has(named.id)) {
      yield batch;
      batch = new Map();
    }
    batch.set(named.id, named.revision);
  }
  yield batch;
}

/** Each next object in time: how many there are is not known. */
async function* listed(
  { server, objects, deadline }: DocumentBackup,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedObject, void> {
  const listing = objects.list(server.names.objectPrefix, signal && { signal })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await deadline.of('its list of objects', () => listing.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // One that hangs is not waited for.
    listing.return?.().catch(() => {});
  }
}
