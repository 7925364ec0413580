import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { chunksOf } from './backup-record.js';
import type { DumpedKeys } from './key-dumps.js';

/** Room for nearly every batch. */
const batchBytes = 2 * 2 ** 20;

/** What waits in a file until it is needed: so many batches, each read as it was written. */
export class BackupSpool {
  private readonly lengths: number[] = [];
  /** Dumps that are being written; the next ones are put together here once they are in the file. */
  private batch: Buffer | undefined;
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(private readonly file: FileHandle) {}

  /** @throws what the system says where there is no such folder or no right. */
  static async at(path: string): Promise<BackupSpool> {
    const file = await open(path, 'wx+');
    // Without its name it ends with the process, however that ends: it may be as large as the backup.
    await rm(path, { force: true }).catch(() => {});
    return new BackupSpool(file);
  }

  /** As `add`, for the chunks of these keys. @returns how many bytes they have. */
  async addDumps({ names, dumps, records }: DumpedKeys): Promise<number> {
    if (records === 0) return 0;
    await this.writing;
    this.batch ??= Buffer.allocUnsafeSlow(batchBytes);
    return this.add(chunksOf(names, dumps, this.batch));
  }

  /** Resolves when this batch may be written, while the next one comes. @throws what the system says of the one before, such as that there is no room. */
  async add(pieces: readonly Buffer[]): Promise<number> {
    await this.writing;
    const length = pieces.reduce((sum, bytes) => sum + bytes.length, 0);
    this.lengths.push(length);
    this.writing = this.write(pieces);
    // It is thrown when the next one comes, or when they are read.
    this.writing.catch(() => {});
    return length;
  }

  private async write(pieces: readonly Buffer[]): Promise<void> {
    for (const bytes of pieces) await this.file.appendFile(bytes);
  }

  /** What was added, batch by batch. */
  async *batches(): AsyncGenerator<Buffer, void> {
    await this.writing;
    let position = 0;
    for (const length of this.lengths) {
      const batch = Buffer.allocUnsafeSlow(length);
      for (let at = 0; at < length;) {
        const { bytesRead } = await this.file.read(batch, at, length - at, position + at);
        if (bytesRead === 0) throw new Error('The temporary file of the backup was cut short by somebody else.');
        at += bytesRead;
      }
      position += length;
      yield batch;
    }
  }

  async close(): Promise<void> {
    await this.writing.catch(() => {});
    await this.file.close();
  }
}
