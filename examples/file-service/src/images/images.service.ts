import { randomUUID } from 'node:crypto';
import { Injectable, NotFoundException } from '@nestjs/common';
import { ObjectNotFoundError, StoredObjects, TieredCache } from 'nestjs-tiered-cache';
import type { ObjectBody } from 'nestjs-tiered-cache';
import type { TieredFile } from 'nestjs-tiered-cache/files';
import { imageExport, imagePlaylist } from '../catalogue/files.keys.js';
import type { ImageExportMetadata, PlaylistItem } from '../catalogue/files.keys.js';
import { imageExports } from '../catalogue/objects.keys.js';
import { FilesService } from '../files/files.service.js';
import { ImageExportTable } from '../rows/tables.js';

/** `image/webp` and so on, by the format that the object's key ends in. */
const formats = { 'image/jpeg': 'jpeg', 'image/png': 'png', 'image/webp': 'webp', 'image/svg+xml': 'svg' } as const;
export type ImageType = keyof typeof formats;

export const isImageType = (type: string): type is ImageType => Object.hasOwn(formats, type);

/** An image on its way in. */
export interface NewImage {
  readonly type: ImageType;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  readonly body: ObjectBody;
  /** Bytes. Default: not known. */
  readonly size?: number;
}

/** What was stored. */
export interface StoredImage {
  readonly image_file_export_uid: string;
  readonly s3_file_uid: string;
  readonly file_size: number;
  readonly sha256: string;
}

/** Exports of images, such as thumbnails: an object, a row of the file, a row of the export. What is asked of the rows is kept under two key classes. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly rows: ImageExportTable,
    private readonly files: FilesService,
    private readonly objects: StoredObjects,
    private readonly cache: TieredCache,
  ) {}

  upload(imageFileUid: string, image: NewImage): Promise<StoredImage> {
    return this.store(`oseh_ife_${randomUUID()}`, imageFileUid, image);
  }

  /** `undefined`: there is no such export. The new file has a uid of its own, so that no copy of the old one is taken for it. */
  async replace(uid: string, image: NewImage): Promise<StoredImage | undefined> {
    const row = await this.rows.find(uid);
    if (!row) return undefined;
    const old = await this.files.find(row.s3_file_uid);
    const stored = await this.store(uid, row.image_file_uid, image);
    if (old) await this.files.delete(old);
    return stored;
  }

  /** `null`: there is no such export, which is remembered as well. */
  metadata(uid: string): Promise<ImageExportMetadata | null> {
    return this.cache.getOrSet(imageExport({ uid }), () => this.load(uid));
  }

  /**
   * Has the image's file answered with. Another process hears a moment later that an export was replaced: what it knows names a file that is gone. So the rows
   * are asked before anybody is told that there is none.
   *
   * @throws NotFoundException · what `answer` rejects with
   */
  async read<T>(uid: string, answer: (file: TieredFile, contentType: string) => Promise<T>): Promise<T> {
    let known = await this.metadata(uid);
    while (known) {
      const { s3_file_uid: fileUid, content_type: contentType } = known;
      try {
        const file = await this.files.find(fileUid);
        if (file) return await answer(await this.files.open(file), contentType);
      } catch (error) {
        if (!(error instanceof ObjectNotFoundError)) throw error;
      }
      known = await this.cache.refresh(imageExport({ uid }), () => this.load(uid));
      if (known?.s3_file_uid === fileUid) break;
    }
    throw new NotFoundException('There is no such image.');
  }

  /** The exports of an image, the smallest first. */
  playlist(imageFileUid: string): Promise<readonly PlaylistItem[]> {
    return this.cache.getOrSet(imagePlaylist({ uid: imageFileUid }), async () => {
      const rows = await this.rows.where((row) => row.image_file_uid === imageFileUid);
      const items = await Promise.all(
        rows.map(async ({ uid }) => {
          const image = await this.load(uid);
          if (!image) return undefined;
          const { width, height, content_type, file_size } = image;
          return { uid, width, height, content_type, file_size };
        }),
      );
      return items.filter((item) => item !== undefined).sort((one, other) => one.width - other.width);
    });
  }

  /** Takes away all that is kept of an export: the copies of its file, and what is known of it. False: other processes were not told yet. */
  async purge(uid: string): Promise<boolean> {
    const row = await this.rows.find(uid);
    const purged = row ? await this.files.purge(row.s3_file_uid) : true;
    return (await this.forget(uid, row?.image_file_uid)) && purged;
  }

  /** False: other processes were not told yet. */
  async delete(uid: string): Promise<boolean> {
    const row = await this.rows.find(uid);
    const file = row && (await this.files.find(row.s3_file_uid));
    await this.rows.delete(uid);
    const forgotten = await this.forget(uid, row?.image_file_uid);
    const purged = file ? await this.files.delete(file) : true;
    return forgotten && purged;
  }

  /** Stores the object first, then the rows: a row never points to nothing. What was kept of the rows goes last, so that no read brings it back. */
  private async store(uid: string, imageFileUid: string, image: NewImage): Promise<StoredImage> {
    const { type, width, height, body, size } = image;
    const parameters = { image_file_export_uid: uid, format: formats[type] };
    const put = await this.objects.put(imageExports, parameters, body, { ...(size !== undefined && { size }) });
    const file = await this.files.remember(put, type);
    await this.rows.put({ uid, image_file_uid: imageFileUid, s3_file_uid: file.uid, width, height });
    await this.forget(uid, imageFileUid);
    return { image_file_export_uid: uid, s3_file_uid: file.uid, file_size: file.file_size, sha256: file.sha256 };
  }

  private async load(uid: string): Promise<ImageExportMetadata | null> {
    const row = await this.rows.find(uid);
    const file = row && (await this.files.find(row.s3_file_uid));
    if (file) {
      return {
        file_size: file.file_size,
        image_file_uid: row.image_file_uid,
        s3_file_uid: file.uid,
        s3_file_key: file.key,
        content_type: file.content_type,
        width: row.width,
        height: row.height,
      };
    }
    // Replaced between the two look-ups, which a database would join.
    const now = await this.rows.find(uid);
    return now && now.s3_file_uid !== row?.s3_file_uid ? this.load(uid) : null;
  }

  private async forget(uid: string, imageFileUid: string | undefined): Promise<boolean> {
    const told = await this.cache.delete(imageExport({ uid }));
    if (imageFileUid === undefined) return told;
    return (await this.cache.delete(imagePlaylist({ uid: imageFileUid }))) && told;
  }
}
