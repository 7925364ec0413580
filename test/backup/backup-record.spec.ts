import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { DumpTooLargeError } from '../../src/backup/backup-errors.js';
import { chunksOf, readRecords } from '../../src/backup/backup-record.js';
import { BackupSink } from '../../src/backup/backup-sink.js';
import { KeyNames } from '../../src/backup/key-names.js';

const mebibyte = 2 ** 20;
const small = Buffer.alloc(20);
/** Nobody touches its bytes, so that it takes no memory. */
const tooLarge = Buffer.alloc(512 * mebibyte + 1);

describe('A dump of more bytes than a server takes back', () => {
  it.each([
    ['alone', ['large'], [tooLarge]],
    ['among others', ['small', 'large'], [small, tooLarge]],
  ])('ends the backup, which says whose it is: %s', async (_, keys, dumps) => {
    const stream = new PassThrough();
    const names = KeyNames.of(keys.map((key) => Buffer.from(key)));
    const added = new BackupSink(stream).addDumps({ names, dumps, records: dumps.length, expiring: 0, vanished: 0 });
    await expect(added).rejects.toThrow(DumpTooLargeError);
    await expect(added).rejects.toMatchObject({
      code: 'DUMP_TOO_LARGE',
      key: Buffer.from('large'),
      bytes: tooLarge.length,
      message: expect.stringMatching(/^The dump of the key large has 536870913 bytes, .* 536870912 at most\./),
    });
    expect(stream.readableLength).toBe(0);
  });

  it('names its key in one short line', () => {
    const names = KeyNames.of([Buffer.from(`a\n\u001b${'x'.repeat(1_000)}`)]);
    expect(() => chunksOf(names, [tooLarge])).toThrow(/^The dump of the key a\\n\\u001bx{197}… has/);
  });

  it('is no part of a backup that is read', async () => {
    const head = Buffer.from('000000016b20000001', 'hex');
    const read = readRecords(
      (async function* () {
        yield head;
      })(),
    );
    await expect(read.next()).rejects.toThrow(/at byte 5: a dump of 536870913 bytes, where a server takes 536870912/);
  });
});
