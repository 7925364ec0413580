import { randomUUID } from 'node:crypto';
import { defineKey } from '../../src/catalogue/define-key.js';
import { json } from '../../src/codec/json.js';
import type { RecordTransaction } from '../../src/record/transaction.js';

/** Accounts that own files, as far as the transactions under test touch them. */
export const ownedFiles = defineKey('public_key:{publicKey}:owned_files', { codec: json<string[]>() });
export const dataCap = defineKey('public_key:{publicKey}:data_cap', { codec: json<number>() });
export const metadata = defineKey('file_id:{id}:metadata', { codec: json<{ owner: string; version: number }>() });
export const fileSize = defineKey('file_id:{id}:size', { codec: json<{ bytes: number }>() });
export const lockbookKeys = [ownedFiles, dataCap, metadata, fileSize];

/** What a body throws that saw a list of before and the members of after. */
export class PhantomError extends Error {}

/** Makes a file of this size, unless the owner's files would outgrow the cap. */
export async function createFile(tx: RecordTransaction, publicKey: string, bytes: number) {
  const owned = (await tx.get(ownedFiles({ publicKey }))) ?? [];
  const cap = (await tx.get(dataCap({ publicKey }))) ?? 0;
  const used = await usedBytes(tx, owned);
  if (used + bytes > cap) return tx.abort('over-cap');
  const id = randomUUID();
  tx.set(ownedFiles({ publicKey }), [...owned, id]);
  tx.set(metadata({ id }), { owner: publicKey, version: 1 });
  tx.set(fileSize({ id }), { bytes });
  return id;
}

export async function removeFile(tx: RecordTransaction, publicKey: string) {
  const [id, ...others] = (await tx.get(ownedFiles({ publicKey }))) ?? [];
  if (id === undefined) return tx.abort('empty');
  tx.set(ownedFiles({ publicKey }), others);
  tx.delete(metadata({ id }));
  tx.delete(fileSize({ id }));
  return id;
}

/** Gives the oldest file of one owner to another, who must have room for it. */
export async function moveFile(tx: RecordTransaction, from: string, to: string) {
  const [id, ...others] = (await tx.get(ownedFiles({ publicKey: from }))) ?? [];
  if (id === undefined || from === to) return tx.abort('empty');
  const receiving = (await tx.get(ownedFiles({ publicKey: to }))) ?? [];
  const [moved, cap = 0] = [await tx.get(fileSize({ id })), await tx.get(dataCap({ publicKey: to }))];
  if (!moved) throw new PhantomError(`the listed file ${id} has no size`);
  if ((await usedBytes(tx, receiving)) + moved.bytes > cap) return tx.abort('over-cap');
  tx.set(ownedFiles({ publicKey: from }), others);
  tx.set(ownedFiles({ publicKey: to }), [...receiving, id]);
  tx.set(metadata({ id }), { owner: to, version: 2 });
  return id;
}

async function usedBytes(tx: RecordTransaction, owned: readonly string[]): Promise<number> {
  const sizes = await tx.getMany(owned.map((id) => fileSize({ id })));
  return sizes.reduce((sum, size, index) => {
    if (!size) throw new PhantomError(`the listed file ${owned[index]} has no size`);
    return sum + size.bytes;
  }, 0);
}
