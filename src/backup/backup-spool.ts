import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { chunksOf } from './backup-record.js';
import type { BackupRecord } from './backup-record.js';

/** Room for nearly every batch. */
const batchBytes = 2 * 2 ** 20;

/** Dumps that wait in a file until it is known which of them stay: so many batches, each read as it was written. */
export class BackupSpool {
  private readonly lengths: number[] = [];
  /** What is being written; the next batch is put together here once it is in the file. */
  private readonly batch = Buffer.allocUnsafeSlow(batchBytes);
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(private readonly file: FileHandle) {}

  /** @throws what the system says where there is no such folder or no right. */
  static async at(path: string): Promise<BackupSpool> {
    return new BackupSpool(await open(path, 'wx+'));
  }

  /** Resolves when this batch may be written, while the next one comes. @throws what the system says of the one before, such as that there is no room. */
  async add(records: readonly Pick<BackupRecord, 'key' | 'dump'>[]): Promise<void> {
    if (records.length === 0) return;
    await this.writing;
    const chunks = chunksOf(records, this.batch);
    this.lengths.push(chunks.reduce((sum, { length }) => sum + length, 0));
    this.writing = this.write(chunks);
    // It is thrown when the next one comes, or when they are read.
    this.writing.catch(() => {});
  }

  private async write(chunks: readonly Buffer[]): Promise<void> {
    for (const bytes of chunks) await this.file.appendFile(bytes);
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
