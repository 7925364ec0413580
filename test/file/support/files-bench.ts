import { createCipheriv, createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { memoryObjectStore } from '../../../src/object/memory-object-store.js';
import type { ObjectStore } from '../../../src/object/object-store.js';
import { TieredFiles } from '../../../src/file/tiered-files.js';
import type { FilesTuning } from '../../../src/file/files-tuning.js';
import type { TieredFile } from '../../../src/file/tiered-file.js';
import type { TieredFilesOptions } from '../../../src/file/tiered-files-options.js';
import { diskDirectory } from '../../support/disk-directory.js';
import { countedStore } from './counted-store.js';
import type { CountedOptions, CountedStore } from './counted-store.js';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes that look random, the same for every run. */
export function patterned(size: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2)).update(Buffer.alloc(size));
}

export async function readAll(file: TieredFile, range: { start?: number; end?: number } = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.stream(range)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A folder, an object store in memory, and as many file caches over both as a test asks for. */
export class FilesBench {
  readonly directory = diskDirectory();
  readonly objects: ObjectStore = memoryObjectStore();
  private readonly opened: TieredFiles[] = [];

  files(
    { store = this.objects, ...options }: Partial<TieredFilesOptions> & { store?: ObjectStore } = {},
    tuning: Partial<FilesTuning> = {},
  ): TieredFiles {
    const files = new TieredFiles(
      { objects: store, directory: this.directory.path, maxBytes: '64mib', maxFileBytes: '16mib', ...options },
      tuning,
    );
    this.opened.push(files);
    return files;
  }

  counted(options?: CountedOptions): CountedStore {
    return countedStore(this.objects, options);
  }

  /** Names in the folder, by kind: whole files, unfinished ones, locks. */
  names(): { files: string[]; parts: string[]; locks: string[] } {
    const root = join(this.directory.path, 'files-v1');
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^[0-9a-f]{2}\//.test(name),
    );
    return {
      files: names.filter((name) => /^..\/[0-9a-f]{62}$/.test(name)),
      parts: names.filter((name) => name.endsWith('.part')),
      locks: names.filter((name) => name.includes('.lock')),
    };
  }

  async dispose(): Promise<void> {
    await Promise.all(this.opened.map((files) => files.close()));
    this.directory.remove();
  }
}
