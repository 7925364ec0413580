import { readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { jest } from '@jest/globals';

/** What is synced from now on, by its path, until mocks are restored. Nothing is brought to the disk. */
export async function syncedFrom(path: string, onSync = (_path: string): void => undefined): Promise<string[]> {
  const synced: string[] = [];
  const handle = await open(path);
  const handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  jest.spyOn(handles, 'sync').mockImplementation(async function (this: FileHandle) {
    const of = readlinkSync(`/proc/self/fd/${this.fd}`);
    synced.push(of);
    onSync(of);
  });
  return synced;
}
