import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import type { ObjectStore, OpenOptions } from '../../object/object-store.js';

/** An object store under test, and what the suite may do to it. */
export interface ObjectStoreSubject {
  /** Objects of earlier tests may be there: the suite uses keys of its own, all below `contract-`. */
  readonly store: ObjectStore;
  /** Another handle on the same objects, as another process has it. Given, creation is raced between the two. */
  readonly secondHandle?: () => Promise<ObjectStore>;
  /** Lets go of everything. */
  readonly dispose: () => void | Promise<void>;
}

export interface ObjectStoreContractOptions {
  /** For the report. */
  readonly name: string;
  /** Called by each test for a store of its own. */
  readonly open: () => Promise<ObjectStoreSubject>;
  /** Bytes of the large objects: more than the store sends in one request. Default 1 MiB. */
  readonly largeBytes?: number;
  /** Bytes of a key that the store uses for a prefix of its own. Default 0. */
  readonly reservedKeyBytes?: number;
  /** How many objects a long list has: more than one page of the store. Default 25. */
  readonly manyObjects?: number;
}

/** What one test works with. */
export interface Bench extends ObjectStoreSubject {
  /** Keys that no other test uses. */
  readonly key: (name: string) => string;
  /** All bytes of an object, or of a range of it. */
  readonly read: (key: string, options?: OpenOptions) => Promise<Buffer>;
  readonly large: Buffer;
  readonly manyObjects: number;
}

const largeBodies: Record<number, Buffer> = {};

/** Opens the store, runs the test, and disposes of it whatever happened. */
export function onBench(
  options: ObjectStoreContractOptions,
  test: (bench: Bench) => Promise<void>,
): () => Promise<void> {
  const large = (largeBodies[options.largeBytes ?? 2 ** 20] ??= patterned(options.largeBytes ?? 2 ** 20));
  return async () => {
    const subject = await options.open();
    const prefix = `contract-${randomUUID()}`;
    try {
      await test({
        ...subject,
        key: (name) => `${prefix}/${name}`,
        read: async (key, openOptions) => bytesOf((await subject.store.open(key, openOptions)).body),
        large: Buffer.from(large),
        manyObjects: options.manyObjects ?? 25,
      });
    } finally {
      await subject.dispose();
    }
  };
}

export async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read);
}

/** Bytes of which no two short runs are alike, so that misplaced ones are seen. */
export function patterned(length: number, seed = ''): Buffer {
  const bytes = Buffer.alloc(length);
  let block = createHash('sha512').update(seed).digest();
  for (let at = 0; at < length; at += block.length) {
    block.copy(bytes, at);
    block = createHash('sha512').update(block).digest();
  }
  return bytes;
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type ErrorClass = abstract new (...given: never[]) => Error;

/** Fails unless the promise rejects with an error of this class. */
export async function rejectsWith(expected: ErrorClass, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof expected, `it rejected with ${String(error)}, not with ${expected.name}`);
    return true;
  });
}
