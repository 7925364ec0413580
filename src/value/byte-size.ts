import { InvalidOptionError } from './errors.js';

/** A number of bytes: a whole number, or a text such as `'50mb'` (50,000,000) or `'8mib'` (8,388,608). Units are kb, mb, gb, kib, mib, gib. */
export type ByteSize = number | `${number}${'kb' | 'mb' | 'gb' | 'kib' | 'mib' | 'gib'}`;

const units: Readonly<Record<string, number>> = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/**
 * The size in bytes.
 *
 * @param option names it in the error.
 * @throws InvalidOptionError for what is no size: a fraction of a byte, a negative number, NaN, Infinity, an unknown unit.
 */
export function byteSize(size: ByteSize, option: string): number {
  const bytes = typeof size === 'string' ? parse(size) : size;
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  const shown = typeof size === 'string' ? `'${size.slice(0, 30)}'` : String(size);
  throw new InvalidOptionError(
    option,
    `${shown} is not a size`,
    "Give whole bytes, or a text such as '50mb' or '8mib'.",
  );
}

function parse(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmg]i?b)$/i.exec(text) ?? [];
  return number === undefined || unit === undefined ? undefined : Number(number) * (units[unit.toLowerCase()] ?? NaN);
}
