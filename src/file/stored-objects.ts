import type { ObjectClass } from '../catalogue/object-class.js';
import type { ListedBy, ObjectParameters, ParsedObjectKey } from '../catalogue/object-parts.js';
import { ObjectOperationError } from '../object/object-errors.js';
import type {
  ListedObject,
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  OpenOptions,
  PresignedRequest,
  PutObject,
  PutOptions,
} from '../object/object-store.js';
import { releaseBody } from '../object/release-body.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import type { Duration } from '../value/duration.js';
import { InvalidKeyError, InvalidOptionError } from '../value/errors.js';

/** What `put` may be told beside the class: its own rules stand above. */
export type StoredPutOptions = Omit<PutOptions, 'only'>;

/** A class of objects, whatever its pattern. */
type AnyClass<Pattern extends string, Specs> = ObjectClass<Pattern, Specs>;

/** An object of a list, with what its key says. */
export interface ListedOfClass<Pattern extends string, Specs> extends ListedObject, ParsedObjectKey<Pattern, Specs> {}

/**
 * The objects of an application: classes that name them, and the store that holds them. Keys are made here, once, and checked here: a key of another
 * class is refused before anything is asked of the store.
 *
 * @example
 * const objects = new StoredObjects(s3ObjectStore({ client, bucket: 'media' }));
 * const { key, size, etag, sha256 } = await objects.put(imageExports, { uid, format: 'webp' }, body);
 */
export class StoredObjects {
  constructor(
    readonly store: ObjectStore,
    private readonly clock: Clock = systemClock,
  ) {}

  /**
   * Writes a new object under a new key, which the row that points to it has to remember. The class's type and limit hold; an immutable object is
   * never written over. A body that is a stream is destroyed on every way out.
   *
   * @throws InvalidKeyError · ObjectSizeError · ObjectExistsError · what `ObjectStore.put` rejects with.
   */
  async put<P extends string, S>(
    objectClass: AnyClass<P, S>,
    parameters: ObjectParameters<P, S>,
    body: ObjectBody,
    options: StoredPutOptions = {},
  ): Promise<PutObject> {
    const { rules } = objectClass;
    let key: string;
    let contentType: string | undefined;
    try {
      key = objectClass.mint(parameters, this.clock);
      contentType = objectClass.contentType(parameters) ?? options.contentType;
    } catch (error) {
      releaseBody(body);
      throw error;
    }
    return this.store.put(key, body, {
      ...options,
      maxBytes: Math.min(rules.maxBytes, options.maxBytes ?? Infinity),
      ...(contentType !== undefined && { contentType }),
      ...(rules.immutable && { only: 'absent' as const }),
    });
  }

  /** Reads an object from the store itself. @throws InvalidKeyError · what `ObjectStore.open` rejects with. */
  async open<P extends string, S>(
    objectClass: AnyClass<P, S>,
    key: string,
    options?: OpenOptions,
  ): Promise<OpenedObject> {
    assertOfClass(objectClass, key);
    return this.store.open(key, options);
  }

  /** `undefined`: there is none. @throws InvalidKeyError · what `ObjectStore.head` rejects with. */
  async head<P extends string, S>(
    objectClass: AnyClass<P, S>,
    key: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<ObjectHead | undefined> {
    assertOfClass(objectClass, key);
    return this.store.head(key, options);
  }

  /**
   * A link to read one object. @throws InvalidKeyError · ObjectOperationError for a secret, and where the store has no links ·
   * InvalidDurationError.
   */
  async presignGet<P extends string, S>(
    objectClass: AnyClass<P, S>,
    key: string,
    options: {
      readonly expiresIn: Duration;
      readonly downloadName?: string | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<PresignedRequest> {
    assertOfClass(objectClass, key);
    this.#assertLinks(objectClass);
    return this.store.presign(key, { method: 'GET', ...options });
  }

  /**
   * A link to write one new object, and its key. The link demands the class's type, and the size that is given here; a class with a limit needs one.
   * The store does not check that nothing stands there: a random part in the key does.
   *
   * @throws InvalidKeyError · InvalidOptionError for a size that is missing or above the limit · as {@link presignGet}.
   */
  async presignPut<P extends string, S>(
    objectClass: AnyClass<P, S>,
    parameters: ObjectParameters<P, S>,
    options: {
      readonly expiresIn: Duration;
      readonly contentType?: string | undefined;
      readonly size?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<PresignedRequest & { readonly key: string }> {
    this.#assertLinks(objectClass);
    const { maxBytes } = objectClass.rules;
    if (maxBytes !== Infinity && !((options.size ?? Infinity) <= maxBytes)) {
      const problem = options.size === undefined ? 'it is missing' : `${options.size} bytes are too many`;
      throw new InvalidOptionError('size', problem, `Objects of '${objectClass.pattern}' have at most ${maxBytes}.`);
    }
    const key = objectClass.mint(parameters, this.clock);
    const contentType = objectClass.contentType(parameters) ?? options.contentType;
    const asked = { ...options, ...(contentType !== undefined && { contentType }) };
    return { key, ...(await this.store.presign(key, { method: 'PUT', ...asked })) };
  }

  /** The objects of a class whose first parameters are these, in the order of their keys. Hints are refused. */
  async *list<P extends string, S>(
    objectClass: AnyClass<P, S>,
    parameters?: ListedBy<P, S>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<ListedOfClass<P, S>, void, undefined> {
    for await (const object of this.store.list(objectClass.prefix(parameters), options)) {
      const parsed = objectClass.parse(object.key);
      // Objects of another class may begin alike.
      if (parsed) yield { ...object, ...parsed };
    }
  }

  /** Removes an object; one that is absent is no error. Copies in a file cache are not asked: purge them there. @throws InvalidKeyError */
  async delete<P extends string, S>(
    objectClass: AnyClass<P, S>,
    key: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    assertOfClass(objectClass, key);
    await this.store.remove(key, options);
  }

  #assertLinks<P extends string, S>(objectClass: AnyClass<P, S>): void {
    if (!objectClass.rules.secret) return;
    const remedy = `Objects of '${objectClass.pattern}' are secrets: hand them out by a route that checks who asks.`;
    throw new ObjectOperationError(this.store.name, 'links to secrets', remedy);
  }
}

function assertOfClass<P extends string, S>(objectClass: AnyClass<P, S>, key: string): void {
  if (typeof key === 'string' && objectClass.parse(key) !== undefined) return;
  throw new InvalidKeyError(
    `The key is not of the object pattern '${objectClass.pattern}'. Pass the key that put has returned, with its own class.`,
  );
}
