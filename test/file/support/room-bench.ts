import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bootName } from '../../../src/store/disk/process-stamp.js';
import { encodeHeader, fileBytes } from '../../../src/file/file-header.js';
import { FilePlace, fileId } from '../../../src/file/file-place.js';
import { FillLocks } from '../../../src/file/fill-locks.js';
import { FolderRoom } from '../../../src/file/folder-room.js';
import { entriesOf } from '../../../src/file/folder-scan.js';
import type { FoundEntry } from '../../../src/file/folder-scan.js';
import { claimBytes } from '../../../src/file/unfinished-file.js';
import { systemClock } from '../../../src/value/clock.js';
import type { Clock } from '../../../src/value/clock.js';
import { diskDirectory } from '../../support/disk-directory.js';

/** An unfinished file as a download makes it: a name at first, then what it will take. */
export interface RoomPart {
  readonly path: string;
  readonly finalPath: string;
  readonly bytes: number;
  readonly claim: () => Promise<boolean>;
  readonly finish: () => Promise<void>;
}

/** A folder, and as many rooms over it as a test asks for: each as a process of its own has it. */
export class RoomBench {
  private readonly directory = diskDirectory();
  readonly root = join(this.directory.path, 'files-v1');
  private readonly locks: FillLocks[] = [];
  private readonly handles: FileHandle[] = [];

  constructor() {
    mkdirSync(this.root, { mode: 0o700 });
  }

  async room(maxBytes: number, clock: Clock = systemClock): Promise<FolderRoom> {
    const locks = new FillLocks(this.root, clock);
    this.locks.push(locks);
    await locks.open();
    const { root } = this;
    const options = { name: 'files', root, maxBytes, minFreeBytes: 0, partMs: 600_000, clock, locks };
    const room = new FolderRoom(options);
    await room.recount();
    return room;
  }

  /** Of a body of so many bytes, none of which has come. */
  async part(uid: string, size: number): Promise<RoomPart> {
    const place = new FilePlace(this.root, fileId('rooms', uid));
    mkdirSync(place.folder, { recursive: true, mode: 0o700 });
    const path = place.newPart();
    const handle = await open(path, 'wx+', 0o600);
    this.handles.push(handle);
    const header = { uid, key: uid, size, etag: randomUUID(), boot: bootName(), filledAt: 0 };
    return {
      path,
      finalPath: place.path,
      bytes: fileBytes(size),
      claim: () => claimBytes(handle, encodeHeader(header) as Buffer),
      finish: async () => {
        await handle.truncate(fileBytes(size));
        await rename(path, place.path);
      },
    };
  }

  /** Unfinished files of one folder, whose names are listed together. */
  async neighbours(count: number, size: number): Promise<RoomPart[]> {
    const [first, ...others] = Array.from({ length: 10_000 }, (_, n) => `n${n}`);
    const folderOf = (uid = ''): string => dirname(new FilePlace(this.root, fileId('rooms', uid)).path);
    const uids = [first, ...others.filter((uid) => folderOf(uid) === folderOf(first))].slice(0, count);
    return Promise.all(uids.map((uid = '') => this.part(uid, size)));
  }

  async entries(): Promise<FoundEntry[]> {
    const found: FoundEntry[] = [];
    for await (const entry of entriesOf(this.root)) found.push(entry);
    return found;
  }

  /** What lies there, with what will. */
  async bytes(): Promise<number> {
    return (await this.entries()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.locks, ...this.handles].map((each) => each.close()));
    this.directory.remove();
  }
}
