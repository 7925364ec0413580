import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { namesIn } from '../object/folder-object-file.js';

/** The folder below the given directory. Its number is that of the format. */
export const filesFolder = 'files-v1';

/**
 * Where the copy of one file lies. A path is made of digits alone: nothing of a uid reaches it.
 *
 * `ab/<62 digits>` the whole file · `ab/<62 digits>.<attempt>.part` while it is filled · `ab/<62 digits>.lock` whoever fills it
 */
export class FilePlace {
  readonly folder: string;
  readonly path: string;
  readonly lock: string;
  private readonly stem: string;

  /** @param id 64 hexadecimal digits. */
  constructor(
    readonly root: string,
    readonly id: string,
  ) {
    this.folder = join(root, id.slice(0, 2));
    this.stem = id.slice(2);
    this.path = join(this.folder, this.stem);
    this.lock = `${this.path}.lock`;
  }

  /** A name that no other attempt has: the late rename of one that was purged finds nothing to rename. */
  newPart(): string {
    return `${this.path}.${randomUUID()}.part`;
  }

  /** Unfinished files of this place. */
  async parts(): Promise<string[]> {
    return (await namesIn(this.folder))
      .filter((name) => name.startsWith(`${this.stem}.`) && name.endsWith('.part'))
      .map((name) => join(this.folder, name));
  }
}

/**
 * The id of a file: of the row's identity, and not of the object's key nor of this package's version, so that neither a moved object nor a deploy
 * downloads anything anew.
 *
 * @param name what the file is called in the feed of invalidations.
 */
export function fileId(namespace: string, name: string): string {
  return createHash('sha256')
    .update(JSON.stringify([namespace, name]))
    .digest('hex');
}

/** The final name of an unfinished file. */
export const pathOfPart = (part: string): string => part.replace(/\.[0-9a-f-]{36}\.part$/, '');

/** What a name in one of the folders is; `undefined`: a stranger. */
export function kindOfName(name: string): 'file' | 'part' | 'lock' | undefined {
  if (/^[0-9a-f]{62}$/.test(name)) return 'file';
  if (/^[0-9a-f]{62}\.[0-9a-f-]{36}\.part$/.test(name)) return 'part';
  if (/^[0-9a-f]{62}\.lock(\.[0-9a-f-]{36})?$/.test(name)) return 'lock';
  return undefined;
}
