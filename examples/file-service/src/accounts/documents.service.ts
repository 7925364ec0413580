import { Injectable, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import type { ObjectBody } from 'nestjs-tiered-cache';
import { RedisDocuments, RedisRecords } from 'nestjs-tiered-cache/redis';
import type { OpenedDocument, RecordTransaction } from 'nestjs-tiered-cache/redis';
import { dataCap, fileMetadata, fileSize, ownedFiles } from './accounts.keys.js';
import type { FileMetadata } from './accounts.keys.js';

/** What a file holds, on its way in. */
export interface FileContent {
  readonly body: ObjectBody;
  /** Bytes. */
  readonly size: number;
}

/** Files of accounts: their contents are documents, all else is in records. */
@Injectable()
export class DocumentsService {
  constructor(
    private readonly records: RedisRecords,
    private readonly documents: RedisDocuments,
  ) {}

  /** The room is taken before the content comes, and given back if that fails: caps hold however many write at once. */
  async write(publicKey: string, id: string, name: string, { body, size }: FileContent): Promise<FileMetadata> {
    const before = await this.reserve(publicKey, id, name, size);
    try {
      const { revision } = await this.documents.put(id, body, { size });
      const metadata = { id, name, owner: publicKey, revision };
      await this.records.set(fileMetadata({ id }), metadata);
      return metadata;
    } catch (error) {
      if (before === undefined) await this.forget(publicKey, id);
      else await this.records.set(fileSize({ id }), { file_id: id, size_bytes: before });
      throw error;
    }
  }

  async read(publicKey: string, id: string): Promise<OpenedDocument> {
    const owned = (await this.records.get(ownedFiles({ publicKey }))) ?? [];
    const document = owned.includes(id) ? await this.documents.get(id) : undefined;
    if (!document) throw new NotFoundException('There is no such file.');
    return document;
  }

  async delete(publicKey: string, id: string): Promise<void> {
    if (await this.forget(publicKey, id)) await this.documents.delete(id);
  }

  /** @returns what the file took before; undefined: it is new. */
  private async reserve(publicKey: string, id: string, name: string, bytes: number): Promise<number | undefined> {
    const outcome = await this.records.transaction(async (tx) => {
      const owned = await tx.get(ownedFiles({ publicKey }));
      if (!owned) return tx.abort('no account');
      const standing = await tx.get(fileMetadata({ id }));
      if (standing && standing.owner !== publicKey) return tx.abort('another owner');
      const sizes = await tx.getMany(owned.map((one) => fileSize({ id: one })));
      const used = sizes.reduce((sum, size) => sum + (size?.size_bytes ?? 0), 0);
      const before = sizes[owned.indexOf(id)]?.size_bytes;
      const cap = (await tx.get(dataCap({ publicKey }))) ?? 0;
      if (used - (before ?? 0) + bytes > cap) return tx.abort('over cap');
      if (!owned.includes(id)) tx.set(ownedFiles({ publicKey }), [...owned, id]);
      tx.set(fileSize({ id }), { file_id: id, size_bytes: bytes });
      tx.set(fileMetadata({ id }), { id, name, owner: publicKey, revision: standing?.revision ?? '' });
      return before;
    });
    if (outcome.status === 'committed') return outcome.value;
    if (outcome.reason === 'over cap') throw new PayloadTooLargeException("It exceeds the account's data cap.");
    throw new NotFoundException('There is no such account, or the file is not its own.');
  }

  private async forget(publicKey: string, id: string): Promise<boolean> {
    const outcome = await this.records.transaction(async (tx: RecordTransaction) => {
      const owned = (await tx.get(ownedFiles({ publicKey }))) ?? [];
      if (!owned.includes(id)) return tx.abort('not its own');
      const rest = owned.filter((one) => one !== id);
      tx.set(ownedFiles({ publicKey }), rest);
      tx.delete(fileMetadata({ id }));
      tx.delete(fileSize({ id }));
      return id;
    });
    return outcome.status === 'committed';
  }
}
