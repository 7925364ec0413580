import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gateBytes } from './commit-gate.js';
import type { GateUser } from './commit-gate.js';
import { mayStillWrite } from './liveness.js';
import type { Liveness } from './liveness.js';

/** One opening of the database by one process or thread. The name of its file says it all: its stamp, and the slot in the gate. */
export interface FolderUser extends GateUser {
  readonly name: string;
}

export interface Survey {
  readonly running: readonly FolderUser[];
  /** Ended, maybe threads whose process lives: lmdb may still be writing what they asked for. Whoever has waited for them removes their files. */
  readonly ending: readonly FolderUser[];
  /** Of another container or host, and nobody can tell whether they live. They are taken to. */
  readonly unknown: readonly FolderUser[];
}

/** Who has the database of a folder open: one empty file each, which a killed process leaves behind. */
export class FolderUsers {
  constructor(
    private readonly folder: string,
    private readonly livenessOf: (stamp: string) => Promise<Liveness>,
  ) {}

  /** Clears away the files of processes that ended. Only for who holds the right to open. */
  async survey(): Promise<Survey> {
    await mkdir(this.path(), { mode: 0o700 }).catch(unlessItExists);
    const found: { -readonly [P in keyof Survey]: FolderUser[] } = { running: [], ending: [], unknown: [] };
    for (const name of await readdir(this.path())) {
      const user = { name, stamp: name, slot: Number(name.split('-')[3]) };
      const liveness = await this.livenessOf(name);
      if (liveness !== 'ended') found[liveness].push(user);
      else if (mayStillWrite(name)) found.ending.push(user);
      else await rm(this.path(name), { force: true });
    }
    return found;
  }

  /** @throws Error when every slot is taken. */
  async add(stamp: string, others: readonly FolderUser[]): Promise<FolderUser> {
    const taken = new Set(others.map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    if (slot >= gateBytes) throw new Error(`more than ${gateBytes} processes have the folder open`);
    const name = `${stamp}-${slot}`;
    await writeFile(this.path(name), '', { mode: 0o600, flag: 'wx' });
    return { name, stamp: name, slot };
  }

  async remove(user: FolderUser): Promise<void> {
    await rm(this.path(user.name), { force: true });
  }

  private path(name = ''): string {
    return join(this.folder, 'users', name);
  }
}

function unlessItExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
