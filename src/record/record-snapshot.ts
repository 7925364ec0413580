import { createHash } from 'node:crypto';
import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import { codecOf } from './record-keys.js';
import type { AnyRecordKey } from './record-keys.js';
import { recordLifeMs } from './transaction.js';
import type { RecordWriteOptions } from './transaction.js';

/** A change of one record, made by `RecordSnapshot.changedTo`. */
export interface RecordChange {
  readonly key: AnyRecordKey;
  readonly expected: Uint8Array | undefined;
  readonly written: Uint8Array | undefined;
  /** Absent: until it is removed. */
  readonly lifeMs: number | undefined;
}

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
   * record has changed, or has gone. `none` where there is no record.
   */
  get version(): string {
    return (this.#version ??= this.#bytes ? createHash('sha256').update(this.#bytes).digest('hex') : 'none');
  }

  /**
   * What `compareAndSet` takes: this record, which must still be as it was read, becomes this value. `undefined` removes it.
   * @throws UnencodableValueError, InvalidDurationError, InvalidOptionError
   */
  changedTo(value: V | undefined, options?: RecordWriteOptions): RecordChange {
    return {
      key: this.key,
      expected: this.#bytes,
      written: value === undefined ? undefined : codecOf(this.key).encode(value),
      lifeMs: recordLifeMs(options),
    };
  }
}
