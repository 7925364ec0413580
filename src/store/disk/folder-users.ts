import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gateBytes } from './commit-gate.js';
import type { GateUser } from './commit-gate.js';
import { mayStillWrite } from './liveness.js';
import type { Liveness } from './liveness.js';

/** One opening of the database by one process or thread. The name of its file says it all: its stamp, the slot in the gate, its limit. */
export interface FolderUser extends GateUser {
  readonly name: string;
  /** Of the database, as it was told; 0: a visitor, who bounds nothing. */
  readonly maxBytes: number;
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
      const user = userNamed(name);
      const liveness = await this.livenessOf(name);
      if (liveness !== 'ended') found[liveness].push(user);
      else if (mayStillWrite(name)) found.ending.push(user);
      else await rm(this.path(name), { force: true });
    }
    return found;
  }

  /** @throws Error when every slot is taken. */
  async add(stamp: string, maxBytes: number, others: readonly FolderUser[]): Promise<FolderUser> {
    const taken = new Set(others.map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    if (slot >= gateBytes) throw new Error(`more than ${gateBytes} processes have the folder open`);
    const name = `${stamp}-${slot}-${Number.isFinite(maxBytes) ? maxBytes : 0}`;
    await writeFile(this.path(name), '', { mode: 0o600, flag: 'wx' });
    return userNamed(name);
  }

  /** Of those who have not ended. Unlike `survey` it is for everybody. */
  async largestLimit(): Promise<number> {
    let largest = 0;
    for (const { name, maxBytes } of (await readdir(this.path())).map(userNamed)) {
      if (maxBytes > largest && (await this.livenessOf(name)) !== 'ended') largest = maxBytes;
    }
    return largest;
  }

  async remove(user: FolderUser): Promise<void> {
    await rm(this.path(user.name), { force: true });
  }

  private path(name = ''): string {
    return join(this.folder, 'users', name);
  }
}

function userNamed(name: string): FolderUser {
  const [, , , slot, maxBytes = 0] = name.split('-');
  return { name, stamp: name, slot: Number(slot), maxBytes: Number(maxBytes) };
}

function unlessItExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
