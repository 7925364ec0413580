/**
 * What every server of a list holds of it. Marks of a server only go up: from none or an older list to one that is not open yet, and then to the same one
 * opened. A server that stands at a newer list takes no part in an older one any more.
 */
export interface ListMark extends Ballot {
  /** What the source said of the list. */
  readonly version: number | undefined;
  readonly servers: readonly string[];
  /** Servers that have to stand at this list before it may be opened: its own, and those of the lists before. */
  readonly must: readonly string[];
  readonly isOpen: boolean;
}

/** Which list it is: the greater number, then the greater id, is the newer. */
export interface Ballot {
  readonly number: number;
  /** Drawn when it was proposed; begins the keys of what is stored under it. */
  readonly id: string;
}

const largestNumber = 2 ** 50;
const longestMark = 32_768;

export const compareBallots = (a: Ballot, b: Ballot): number =>
  a.number - b.number || (a.id === b.id ? 0 : a.id < b.id ? -1 : 1);

export const isSameBallot = (a: Ballot | undefined, b: Ballot | undefined): boolean =>
  a !== undefined && b !== undefined && compareBallots(a, b) === 0;

export function encodeMark({ number, id, version, servers, must, isOpen }: ListMark): Buffer {
  return Buffer.from(JSON.stringify({ format: 1, number, id, version, servers, must, isOpen }), 'utf8');
}

/** Undefined: these bytes are no mark. */
export function decodeMark(bytes: Buffer | undefined): ListMark | undefined {
  if (!bytes || bytes.length > longestMark) return undefined;
  try {
    const told: unknown = JSON.parse(bytes.toString('utf8'));
    return isMark(told) ? told : undefined;
  } catch {
    return undefined;
  }
}

function isMark(told: unknown): told is ListMark {
  if (typeof told !== 'object' || told === null) return false;
  const { format, number, id, version, servers, must, isOpen } = told as Record<string, unknown>;
  return (
    format === 1 &&
    typeof number === 'number' &&
    Number.isSafeInteger(number) &&
    number >= 0 &&
    number < largestNumber &&
    typeof id === 'string' &&
    /^[a-z0-9]{6}$/.test(id) &&
    (version === undefined || typeof version === 'number') &&
    areServers(servers) &&
    areServers(must) &&
    typeof isOpen === 'boolean'
  );
}

const areServers = (given: unknown): given is readonly string[] =>
  Array.isArray(given) && given.length > 0 && given.every((each) => typeof each === 'string');
