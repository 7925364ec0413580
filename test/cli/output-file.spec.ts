import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OutputFile } from '../../src/cli/output-file.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { eventually } from '../support/eventually.js';

const hourMs = 3_600_000;

describe('a file that gets its name at its end', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'output-file-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is not removed by another run while its own goes on, however long that takes', async () => {
    const clock = new FakeClock(Date.now());
    const path = join(folder, 'm.json');
    const long = await OutputFile.begin(path, clock);
    const unfinished = join(folder, readdirSync(folder)[0] as string);
    for (let hours = 0; hours < 25; hours++) {
      await clock.advance(hourMs);
      await eventually(() => expect(clock.now() - statSync(unfinished).mtimeMs).toBeLessThan(hourMs));
    }
    const other = await OutputFile.begin(path, clock);
    await other.giveUp();
    await long.write('whole');
    await OutputFile.finish([long]);
    expect([readdirSync(folder), readFileSync(path, 'utf8')]).toEqual([['m.json'], 'whole']);
    expect(clock.waiting).toBe(0);
  });
});
