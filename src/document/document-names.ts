import { assertObjectKey } from '../key/object-key.js';
import { InvalidKeyError } from '../value/errors.js';
import { isRevision } from './document-head.js';

/** Where everything of the documents stands, in Redis and in the object store. */
export class DocumentNames {
  /** A hash: `revision`, the last that was drawn; `bytes`, what can't be evicted; `turned`, when the floors were; `looked`, the last of `removed` that was looked for again. */
  readonly state: string;
  /** A sorted set of what is not uploaded yet: ids, by since when, in microseconds of the server's clock. */
  readonly dirty: string;
  /** A hash: how many bytes each of those takes. */
  readonly sizes: string;
  /** A sorted set: ids, by the greatest revision that is no longer true. */
  readonly floors: string;
  /** Those from before the last turn. */
  readonly earlierFloors: string;
  /** The same for documents that were deleted: kept until their objects are gone. */
  readonly removed: string;
  /** A hash: ids of what was written or deleted and is not in the object store so, with the incarnation of the server that did it. */
  readonly written: string;
  /** A sorted set of what is coming in: names, by when they grew last. */
  readonly staged: string;
  /** Whoever holds it sweeps. */
  readonly sweeper: string;

  constructor(
    private readonly prefix: string,
    /** With what the keys of all objects begin. */
    readonly objectPrefix: string,
  ) {
    this.state = `${prefix}:state`;
    this.dirty = `${prefix}:dirty`;
    this.sizes = `${prefix}:sizes`;
    this.floors = `${prefix}:floors`;
    this.earlierFloors = `${prefix}:floors:earlier`;
    this.removed = `${prefix}:removed`;
    this.written = `${prefix}:written`;
    this.staged = `${prefix}:staged`;
    this.sweeper = `${prefix}:sweeper`;
  }

  /** @throws InvalidKeyError for what is no segment of an object's key. */
  document(id: string): string {
    this.object(id, '0000000000000000');
    return `${this.prefix}:document:${id}`;
  }

  /** What SCAN is to look for. */
  get documents(): string {
    return `${this.prefix.replace(/[\\*?[\]]/g, '\\$&')}:document:*`;
  }

  /** @returns undefined for the key of somebody else, under which no document can stand. */
  idOf(document: string): string | undefined {
    const id = document.slice(`${this.prefix}:document:`.length);
    try {
      this.document(id);
      return id;
    } catch {
      return undefined;
    }
  }

  stage(name: string): string {
    return `${this.prefix}:stage:${name}`;
  }

  object(id: string, revision: string): string {
    if (typeof id !== 'string' || id.includes('/')) {
      throw new InvalidKeyError("A document's id is a text without '/', such as a UUID.");
    }
    assertObjectKey(id);
    const key = `${this.objectPrefix}${id}/${revision}`;
    assertObjectKey(key);
    return key;
  }

  /** With what the keys of all its revisions begin. */
  objects(id: string): string {
    return `${this.objectPrefix}${id}/`;
  }

  /** What an object is; undefined for one that is no revision of a document. */
  read(key: string): { readonly id: string; readonly revision: string } | undefined {
    const [id, revision, ...more] = key.slice(this.objectPrefix.length).split('/');
    return id && revision && more.length === 0 && isRevision(revision) ? { id, revision } : undefined;
  }

  /** @returns undefined for an object that is no revision. */
  revisionOf(id: string, key: string): string | undefined {
    const revision = key.slice(this.objects(id).length);
    return isRevision(revision) ? revision : undefined;
  }
}
