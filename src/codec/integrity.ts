import { inspect } from 'node:util';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { KeyedHash, macBytes } from './keyed-hash.js';

/** A secret, and what it is called in the store. */
export interface IntegrityKey {
  /** Stands in clear beside what it has signed. 1 to 32 letters, digits, `-` and `_`; never given to another secret. */
  readonly id: string;
  /** 32 bytes or more of chance, such as `openssl rand -base64 32` prints; a text counts by its UTF-8. All processes need the same. */
  readonly secret: string | Uint8Array;
}

/** See {@link Integrity}. */
export interface IntegrityOptions {
  /** The first signs, all verify. To change it: give the new one second to all processes, then first; drop the old one when its last entries and locks have ended. */
  readonly keys: readonly IntegrityKey[];
}

const knownOptions = KnownOptions.of<IntegrityOptions>('integrity', { keys: true });
const knownKey = KnownOptions.of<IntegrityKey>('integrity.keys', { id: true, secret: true });
const magic = 0x4e544801;
const minSecretBytes = 32;

/**
 * Signs what a store is given, and verifies what it gives back, by HMAC-SHA-256 over the store key and the bytes. All integers are big-endian.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | `NTH` and the format, 1 |
 * | 4 | 1 | length of the key's id |
 * | 5 | n | the id in ASCII |
 * | 5 + n | 32 | HMAC-SHA-256 of the store key, a zero byte, and the rest |
 * | 37 + n | … | the bytes |
 *
 * An older genuine record can be put back, and one can be removed: that nobody can see from bytes alone.
 */
export class Integrity {
  // Not properties: whatever walks an object finds no secret here.
  readonly #keys: ReadonlyMap<string, KeyedHash>;
  readonly #first: { readonly head: Buffer; readonly secret: KeyedHash };

  /** @throws InvalidOptionError for no keys, a short secret, a bad id or one that is there twice; the secret is never quoted. */
  constructor(options: IntegrityOptions) {
    knownOptions.check(options);
    const keys = options.keys as readonly IntegrityKey[] | undefined;
    if (keys === undefined || keys.length === 0) throw invalid('there is no key', 'Give one of { id, secret }.');
    const secrets = keys.map((key) => [idOf(key), secretOf(key)] as const);
    this.#keys = new Map(secrets);
    if (this.#keys.size < keys.length) throw invalid('two keys have the same id', 'Give each secret an id of its own.');
    const [id, secret] = secrets[0] as readonly [string, KeyedHash];
    const head = Buffer.alloc(5 + id.length);
    head.writeUInt32BE(magic, 0);
    head[4] = id.length;
    head.write(id, 5, 'latin1');
    this.#first = { head, secret };
  }

  /** The same object, or one of these options. */
  static of(given: Integrity | IntegrityOptions): Integrity {
    return given instanceof Integrity ? given : new Integrity(given);
  }

  /** How much longer things get. */
  get overheadBytes(): number {
    return this.#first.head.length + macBytes;
  }

  /** What to store under this key in place of these bytes. */
  seal(storeKey: string, bytes: Uint8Array): Buffer {
    const { head, secret } = this.#first;
    const sealed = Buffer.allocUnsafe(head.length + macBytes + bytes.length);
    sealed.set(head, 0);
    secret.write(storeKey, bytes, sealed, head.length);
    sealed.set(bytes, head.length + macBytes);
    return sealed;
  }

  /** The bytes, as a view; undefined: nobody who has one of the secrets has stored them under this key. */
  open(storeKey: string, sealed: Buffer): Buffer | undefined {
    const from = this.openAt(storeKey, sealed, 0, sealed.length);
    return from === undefined ? undefined : sealed.subarray(from);
  }

  /** As `open`, of what lies from `start` to `end`: where the bytes begin. */
  openAt(storeKey: string, sealed: Buffer, start: number, end: number): number | undefined {
    if (end - start < 6 + macBytes || sealed.readUInt32BE(start) !== magic) return undefined;
    const at = start + 5 + (sealed[start + 4] as number);
    if (end < at + macBytes) return undefined;
    const from = at + macBytes;
    const secret = this.secretNamed(sealed, start + 5, at);
    return secret?.stands(storeKey, sealed, at, from, end) === true ? from : undefined;
  }

  /** Nearly all are signed by the first: its name needs no text of its own. */
  private secretNamed(sealed: Buffer, from: number, to: number): KeyedHash | undefined {
    const { head, secret } = this.#first;
    if (sealed.compare(head, 5, head.length, from, to) === 0) return secret;
    return this.#keys.get(sealed.toString('latin1', from, to));
  }

  [inspect.custom](): string {
    return `Integrity { ${[...this.#keys.keys()].join(', ')} }`;
  }

  toJSON(): object {
    return { keys: [...this.#keys.keys()] };
  }
}

function idOf(key: IntegrityKey): string {
  knownKey.check(key);
  const { id } = key as { readonly id?: unknown };
  if (typeof id === 'string' && /^[A-Za-z0-9_-]{1,32}$/.test(id)) return id;
  throw invalid('the id of a key is not 1 to 32 letters, digits, - and _', "Give one such as '2026-11'.");
}

function secretOf({ id, secret }: IntegrityKey): KeyedHash {
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : Buffer.from(secret ?? []);
  if (bytes.length >= minSecretBytes) return new KeyedHash(bytes);
  const remedy = 'Make one with `openssl rand -base64 32`.';
  throw invalid(`the secret of ${id} has fewer than ${minSecretBytes} bytes`, remedy);
}

const invalid = (problem: string, remedy: string): InvalidOptionError =>
  new InvalidOptionError('integrity.keys', problem, remedy);
