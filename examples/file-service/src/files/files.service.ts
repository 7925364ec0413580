import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { StoredObjects } from 'nestjs-tiered-cache';
import type { PutObject } from 'nestjs-tiered-cache';
import { TieredFiles } from 'nestjs-tiered-cache/files';
import type { TieredFile } from 'nestjs-tiered-cache/files';
import { FileTable } from '../rows/tables.js';
import type { FileRow } from '../rows/file-rows.js';

/** Rows of files, their objects, and their copies on this host. */
@Injectable()
export class FilesService {
  constructor(
    private readonly rows: FileTable,
    private readonly objects: StoredObjects,
    private readonly files: TieredFiles,
  ) {}

  find(uid: string): Promise<FileRow | undefined> {
    return this.rows.find(uid);
  }

  /** The row that remembers an object which was put. */
  async remember({ key, size, sha256 }: PutObject, contentType: string): Promise<FileRow> {
    const uid = `oseh_s3f_${randomUUID()}`;
    const row = { uid, key, file_size: size, content_type: contentType, sha256 };
    await this.rows.put(row);
    return row;
  }

  open({ uid, key, file_size: size, sha256 }: FileRow): Promise<TieredFile> {
    return this.files.open({ uid, key, size, sha256 });
  }

  /** The row goes first: nobody finds the file any more. False: other hosts were not told yet. */
  async delete({ uid, key }: FileRow): Promise<boolean> {
    await this.rows.delete(uid);
    await this.objects.store.remove(key);
    return this.files.purge({ uid });
  }

  purge(uid: string): Promise<boolean> {
    return this.files.purge({ uid });
  }

  explain(uid: string): Promise<object> {
    return this.files.explain({ uid });
  }
}
