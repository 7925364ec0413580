import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { knownCallOptions } from './known-call-options.js';
import { KnownOptions } from '../value/known-options.js';
import { assertObjectKey, assertObjectPrefix } from '../key/object-key.js';
import { resolveByteRange } from './byte-range.js';
import { IncomingBody } from './incoming-body.js';
import { compareKeys, listedObject } from './listed-object.js';
import { assertContentType, assertMetadata } from './object-metadata.js';
import { ObjectChangedError, ObjectExistsError, ObjectNotFoundError, ObjectOperationError } from './object-errors.js';
import type {
  ListedObject,
  ListOptions,
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  OpenOptions,
  PresignedRequest,
  PutObject,
  PutOptions,
} from './object-store.js';
import { outgoingBody } from './outgoing-body.js';

export interface MemoryObjectStoreOptions {
  /** Dates `lastModified`. Default: the system's clock. */
  readonly clock?: Clock;
}

/**
 * Objects in this process's memory, for tests. It holds to the whole contract but for links (`presigns` is false), has no bound, and forgets all
 * with the process.
 *
 * @throws InvalidOptionError for an unknown option.
 * @example
 * const store = memoryObjectStore();
 * await store.put('journals/keys/master/u1', 'secret', { contentType: 'text/plain' });
 */
export function memoryObjectStore(options: MemoryObjectStoreOptions = {}): ObjectStore {
  knownOptions.check(options);
  return new MemoryObjectStore(options.clock ?? systemClock);
}

const knownOptions = KnownOptions.of<MemoryObjectStoreOptions>('memoryObjectStore()', { clock: true });

interface MemoryObject {
  readonly head: ObjectHead;
  readonly bytes: Buffer;
}

const pieceBytes = 64 * 2 ** 10;

class MemoryObjectStore implements ObjectStore {
  readonly name = 'memory';
  readonly presigns = false;
  private readonly objects = new Map<string, MemoryObject>();

  constructor(private readonly clock: Clock) {}

  async open(key: string, options: OpenOptions = {}): Promise<OpenedObject> {
    knownCallOptions.open.check(options);
    const { range, ifMatch, signal } = options;
    assertObjectKey(key);
    signal?.throwIfAborted();
    const object = this.objects.get(key);
    if (!object) throw new ObjectNotFoundError(key);
    const { head, bytes } = object;
    if (ifMatch !== undefined && ifMatch !== head.etag) throw new ObjectChangedError(key);
    const found = resolveByteRange(key, range, head.size);
    return { ...head, range: found, body: outgoingBody(pieces(bytes, found.start, found.end + 1), signal) };
  }

  async head(
    key: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ObjectHead | undefined> {
    knownCallOptions.head.check(options);
    const { signal } = options;
    assertObjectKey(key);
    signal?.throwIfAborted();
    return this.objects.get(key)?.head;
  }

  async put(key: string, body: ObjectBody, options: PutOptions = {}): Promise<PutObject> {
    const incoming = new IncomingBody(key, body, options);
    try {
      knownCallOptions.put.check(options);
      assertObjectKey(key);
      assertContentType(options.contentType);
      const metadata = assertMetadata(options.metadata);
      const chunks: Buffer[] = [];
      // Copied: a caller may use its buffers again.
      for await (const chunk of incoming.chunks()) chunks.push(Buffer.from(chunk));
      if (options.only === 'absent' && this.objects.has(key)) throw new ObjectExistsError(key);
      const sha256 = incoming.sha256();
      const head: ObjectHead = {
        size: incoming.size,
        etag: `"${sha256}"`,
        ...(options.contentType !== undefined && { contentType: options.contentType }),
        lastModified: new Date(this.clock.now()),
        checksum: { algorithm: 'sha256', hex: sha256 },
        metadata,
      };
      this.objects.set(key, { head: Object.freeze(head), bytes: Buffer.concat(chunks) });
      return { key, size: head.size, etag: head.etag, sha256 };
    } finally {
      incoming.release();
    }
  }

  async remove(key: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    knownCallOptions.remove.check(options);
    const { signal } = options;
    assertObjectKey(key);
    signal?.throwIfAborted();
    this.objects.delete(key);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    knownCallOptions.list.check(options);
    const { after, signal } = options;
    assertObjectPrefix(prefix);
    if (after !== undefined) assertObjectKey(after);
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
    for (const key of keys) {
      signal?.throwIfAborted();
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      const head = this.objects.get(key)?.head;
      if (head) yield listedObject(key, head);
    }
  }

  async presign(): Promise<PresignedRequest> {
    throw new ObjectOperationError(this.name, 'links', 'Serve the object through your own route in tests.');
  }
}

/** Copies: a reader may write into what it was given. */
async function* pieces(bytes: Buffer, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = start; at < end; at += pieceBytes) {
    yield Buffer.from(bytes.subarray(at, Math.min(at + pieceBytes, end)));
  }
}
