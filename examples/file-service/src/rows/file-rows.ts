import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A row of `s3_files`: which object a file is, and what is known of it. */
export interface FileRow {
  readonly uid: string;
  readonly key: string;
  readonly file_size: number;
  readonly content_type: string;
  readonly sha256: string;
}

/** A row of `image_file_exports`. */
export interface ImageExportRow {
  readonly uid: string;
  readonly image_file_uid: string;
  readonly s3_file_uid: string;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** Stands for a table of the database: a folder with a file per row, so that the service starts without a server. */
export class Rows<Row extends { readonly uid: string }> {
  constructor(private readonly folder: string) {}

  async find(uid: string): Promise<Row | undefined> {
    if (!isUid(uid)) return undefined;
    try {
      return JSON.parse(await readFile(this.pathOf(uid), 'utf8')) as Row;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Reads all rows: what asks often keeps the answer. */
  async where(suits: (row: Row) => boolean): Promise<Row[]> {
    const names = await readdir(this.folder).catch(() => []);
    const rows = await Promise.all(names.filter(isRow).map((name) => this.find(name.slice(0, -'.json'.length))));
    return rows.filter((row) => row !== undefined).filter(suits);
  }

  /** A row of the same uid is replaced. */
  async put(row: Row): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const part = `${this.pathOf(row.uid)}.${randomUUID()}`;
    await writeFile(part, JSON.stringify(row));
    await rename(part, this.pathOf(row.uid));
  }

  async delete(uid: string): Promise<void> {
    if (isUid(uid)) await rm(this.pathOf(uid), { force: true });
  }

  private pathOf(uid: string): string {
    return join(this.folder, `${uid}.json`);
  }
}

const isRow = (name: string): boolean => name.endsWith('.json');
const isUid = (uid: string): boolean => /^[a-z0-9_-]{1,64}$/.test(uid);
