/** Where appenders append: what the counter of a feed holds. */
export interface Place {
  /** Of the segment. */
  readonly number: number;
  /** Drawn when the segment was made, and written in its head, too: a segment that was made again under its number has another. */
  readonly id: string;
}

/** Numbers stay exact, and have room above them. */
const largestNumber = 2 ** 52;
const format = /^(\d{1,16}) ([\w-]{1,40})$/;

export const encodePlace = ({ number, id }: Place): Buffer => Buffer.from(`${number} ${id}`, 'latin1');

/** Undefined: this is no place, or one that can't be. */
export function decodePlace(value: Buffer | undefined): Place | undefined {
  if (!value || value.length > 60) return undefined;
  const [, number, id] = format.exec(value.toString('latin1')) ?? [];
  if (number === undefined || id === undefined || !(Number(number) < largestNumber)) return undefined;
  return { number: Number(number), id };
}

export const isSamePlace = (a: Place | undefined, b: Place | undefined): boolean =>
  a !== undefined && b !== undefined && a.number === b.number && a.id === b.id;
