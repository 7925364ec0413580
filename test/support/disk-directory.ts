import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DiskDirectory {
  readonly path: string;
  readonly remove: () => void;
}

/** An empty directory of the test's own. */
export function diskDirectory(): DiskDirectory {
  const path = mkdtempSync(join(tmpdir(), 'disk-store-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A file system of so many bytes; undefined where this user may not mount one. */
export function smallFileSystem(
  bytes: number,
): (DiskDirectory & { remount: (option: 'ro' | 'rw') => void }) | undefined {
  const { path, remove } = diskDirectory();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    remove();
    return undefined;
  }
  return {
    path,
    remount: (option) => execFileSync('mount', ['-o', `remount,${option}`, path]),
    remove: () => {
      execFileSync('umount', ['-l', path]);
      remove();
    },
  };
}
