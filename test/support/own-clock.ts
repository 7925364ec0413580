import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dyingWithParent } from './dies-with-parent.js';

function libraryPath(): string {
  const paths = readdirSync('/usr/lib').map((folder) => join('/usr/lib', folder, 'faketime', 'libfaketimeMT.so.1'));
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) throw new Error('libfaketime is not installed. Install it: apt-get install faketime');
  return path;
}

/** The wall clock of a process, beside the machine's. The monotonic clock stays the machine's. */
export class OwnClock {
  /** @param file where what it shows is kept; it may be rewritten while the process runs. */
  constructor(private readonly file: string) {
    this.set(0);
  }

  /** From now on the process's wall clock is so many seconds ahead; less than 0: behind. */
  set(aheadSeconds: number): this {
    writeFileSync(this.file, `${aheadSeconds < 0 ? '-' : '+'}${Math.abs(aheadSeconds)}`);
    return this;
  }

  /** For `startWorker`. */
  readonly wrapped = (command: string, args: readonly string[]): [command: string, args: string[]] =>
    dyingWithParent('env', [
      `LD_PRELOAD=${libraryPath()}`,
      `FAKETIME_TIMESTAMP_FILE=${this.file}`,
      'FAKETIME_NO_CACHE=1',
      'DONT_FAKE_MONOTONIC=1',
      command,
      ...args,
    ]);
}
