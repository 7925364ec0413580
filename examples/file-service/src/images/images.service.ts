import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { StoredObjects, TieredCache } from 'nestjs-tiered-cache';
import type { ObjectBody } from 'nestjs-tiered-cache';
import { imageExport } from '../catalogue/files.keys.js';
import type { FileMetadata } from '../catalogue/files.keys.js';
import { imageExports } from '../catalogue/objects.keys.js';
import { FilesService } from '../files/files.service.js';
import { ImageExportTable } from '../rows/tables.js';

/** `image/webp` and so on, by the format that the object's key ends in. */
const formats = { 'image/jpeg': 'jpeg', 'image/png': 'png', 'image/webp': 'webp', 'image/svg+xml': 'svg' } as const;
export type ImageType = keyof typeof formats;

export const isImageType = (type: string): type is ImageType => Object.hasOwn(formats, type);

/** Exports of images: an object, a row of the file, a row of the export, and the metadata of both under one key. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly rows: ImageExportTable,
    private readonly files: FilesService,
    private readonly objects: StoredObjects,
    private readonly cache: TieredCache,
  ) {}

  /** Stores the object first, then the rows: a row never points to nothing. */
  async upload(imageFileUid: string, type: ImageType, body: ObjectBody, size: number | undefined): Promise<object> {
    const uid = `oseh_ife_${randomUUID()}`;
    const parameters = { image_file_export_uid: uid, format: formats[type] };
    const put = await this.objects.put(imageExports, parameters, body, { ...(size !== undefined && { size }) });
    const file = await this.files.remember(put, type);
    await this.rows.insert({ uid, image_file_uid: imageFileUid, s3_file_uid: file.uid });
    return { image_file_export_uid: uid, s3_file_uid: file.uid, file_size: file.file_size, sha256: file.sha256 };
  }

  /** `null`: there is no such export, which is remembered as well. */
  metadata(uid: string): Promise<(FileMetadata & { readonly image_file_uid: string }) | null> {
    return this.cache.getOrSet(imageExport({ uid }), async () => {
      const row = await this.rows.find(uid);
      const file = row && (await this.files.find(row.s3_file_uid));
      if (!file) return null;
      return {
        file_size: file.file_size,
        image_file_uid: row.image_file_uid,
        s3_file_uid: file.uid,
        s3_file_key: file.key,
        content_type: file.content_type,
      };
    });
  }

  /** False: other processes were not told yet. */
  async delete(uid: string): Promise<boolean> {
    const row = await this.rows.find(uid);
    const file = row && (await this.files.find(row.s3_file_uid));
    await this.rows.delete(uid);
    const forgotten = await this.cache.delete(imageExport({ uid }));
    const purged = file ? await this.files.delete(file) : true;
    return forgotten && purged;
  }
}
