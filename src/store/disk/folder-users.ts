import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gateBytes } from './commit-gate.js';
import type { GateUser } from './commit-gate.js';
import { isRunning, ownStamp } from './process-stamp.js';

/** One opening of the database by one process. The name of its file says it all: process, start, a draw, and the slot in the gate. */
export interface FolderUser extends GateUser {
  readonly name: string;
}

/** Who has the database of a folder open: one empty file each, which a killed process leaves behind. */
export class FolderUsers {
  constructor(private readonly folder: string) {}

  /** Those that run; the files of the others are cleared away. Only for who holds the right to open. */
  async running(except?: FolderUser): Promise<FolderUser[]> {
    await mkdir(this.path(), { recursive: true, mode: 0o700 });
    const users: FolderUser[] = [];
    for (const name of await readdir(this.path())) {
      if (name === except?.name) continue;
      if (isRunning(name)) users.push({ name, stamp: name, slot: Number(name.split('-')[3]) });
      else await rm(this.path(name), { force: true });
    }
    return users;
  }

  /** @throws Error when every slot is taken. */
  async add(others: readonly FolderUser[]): Promise<FolderUser> {
    const taken = new Set(others.map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    if (slot >= gateBytes) throw new Error(`more than ${gateBytes} processes have the folder open`);
    const name = `${ownStamp}-${randomUUID().slice(0, 8)}-${slot}`;
    await writeFile(this.path(name), '', { mode: 0o600 });
    return { name, stamp: name, slot };
  }

  async remove(user: FolderUser): Promise<void> {
    await rm(this.path(user.name), { force: true });
  }

  private path(name = ''): string {
    return join(this.folder, 'users', name);
  }
}
