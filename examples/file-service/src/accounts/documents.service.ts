import { randomUUID } from 'node:crypto';
import { Injectable, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import type { ObjectBody } from 'nestjs-tiered-cache';
import { PartialTransactionError, RedisDocuments, RedisRecords, UnknownOutcomeError } from 'nestjs-tiered-cache/redis';
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

  /**
   * Each write is a document of its own, which the file's record names once it is complete. Of two writes at once, the one that is complete last stands, and
   * the cap counts what stands. A process that ends meanwhile leaves a document that no record names.
   */
  async write(publicKey: string, id: string, name: string, { body, size }: FileContent): Promise<FileMetadata> {
    const file = { id, name, owner: publicKey, document: randomUUID() };
    await this.records.transaction((tx) => this.admit(tx, file, size));
    const former = await this.store(file, { body, size });
    if (former) await this.documents.delete(former.document);
    return file;
  }

  async read(publicKey: string, id: string): Promise<OpenedDocument> {
    // Once more: a write that ends between the record and the document takes the document away.
    const document = (await this.open(publicKey, id)) ?? (await this.open(publicKey, id));
    if (!document) throw new NotFoundException('There is no such file.');
    return document;
  }

  async delete(publicKey: string, id: string): Promise<void> {
    const outcome = await this.records.transaction(async (tx) => {
      const owned = (await tx.get(ownedFiles({ publicKey }))) ?? [];
      const file = await tx.get(fileMetadata({ id }));
      if (file?.owner !== publicKey) return tx.abort('not its own');
      tx.set(
        ownedFiles({ publicKey }),
        owned.filter((one) => one !== id),
      );
      tx.delete(fileMetadata({ id }));
      tx.delete(fileSize({ id }));
      return file;
    });
    if (outcome.status === 'committed') await this.documents.delete(outcome.value.document);
  }

  private async open(publicKey: string, id: string): Promise<OpenedDocument | undefined> {
    const file = await this.records.get(fileMetadata({ id }));
    return file?.owner === publicKey ? this.documents.get(file.document) : undefined;
  }

  /** @returns the record that it replaces. */
  private async store(file: FileMetadata, { body, size }: FileContent): Promise<FileMetadata | undefined> {
    const { id, owner: publicKey, document } = file;
    try {
      await this.documents.put(document, body, { size });
      const outcome = await this.records.transaction(async (tx) => {
        const { others, former } = await this.admit(tx, file, size);
        tx.set(ownedFiles({ publicKey }), [...others, id]);
        tx.set(fileSize({ id }), { file_id: id, size_bytes: size });
        tx.set(fileMetadata({ id }), file);
        return former;
      });
      return outcome.status === 'committed' ? outcome.value : undefined;
    } catch (error) {
      // The record may name the document: it stays.
      if (error instanceof UnknownOutcomeError || error instanceof PartialTransactionError) throw error;
      await this.documents.delete(document);
      throw error;
    }
  }

  /**
   * Whether the account may store the file. All of its files are watched, so that this is still true when the transaction ends.
   * @throws NotFoundException · PayloadTooLargeException
   */
  private async admit(
    tx: RecordTransaction,
    { id, owner: publicKey }: FileMetadata,
    bytes: number,
  ): Promise<{ readonly others: readonly string[]; readonly former: FileMetadata | undefined }> {
    const owned = await tx.get(ownedFiles({ publicKey }));
    const former = await tx.get(fileMetadata({ id }));
    if (!owned || (former && former.owner !== publicKey)) {
      throw new NotFoundException('There is no such account, or the file is not its own.');
    }
    const others = owned.filter((one) => one !== id);
    const sizes = await tx.getMany(others.map((one) => fileSize({ id: one })));
    const used = sizes.reduce((sum, size) => sum + (size?.size_bytes ?? 0), 0);
    const cap = (await tx.get(dataCap({ publicKey }))) ?? 0;
    if (used + bytes > cap) throw new PayloadTooLargeException("It exceeds the account's data cap.");
    return { others, former };
  }
}
