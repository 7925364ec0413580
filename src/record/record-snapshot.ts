import { createHash } from 'node:crypto';
import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import { codecOf } from './record-keys.js';

/** A record as it was read: what `compareAndSet` compares with. */
export class RecordSnapshot<V> {
  readonly #bytes: Buffer | undefined;
  #version: string | undefined;

  constructor(
    readonly key: CatalogueKey<V>,
    bytes: Buffer | undefined,
  ) {
    this.#bytes = bytes;
  }

  get exists(): boolean {
    return this.#bytes !== undefined;
  }

  /** The value, decoded anew at each call; `undefined` where there is no record. @throws UndecodableError */
  get value(): V | undefined {
    return this.#bytes && codecOf(this.key).decode(this.#bytes);
  }

  /**
   * The SHA-256 of the record's bytes in hexadecimal: a record has no other version. As the entry option `version` it makes a cached entry a miss once the
   * record has changed. `undefined` where there is no record.
   */
  get version(): string | undefined {
    return (this.#version ??= this.#bytes && createHash('sha256').update(this.#bytes).digest('hex'));
  }

  /** @internal What stood there. */
  static bytesOf<V>(snapshot: RecordSnapshot<V>): Buffer | undefined {
    return snapshot.#bytes;
  }
}
