import { UndecodableError } from '../value/errors.js';
import { maxBigintDigits } from './max-depth.js';
import { binaryTypes } from './binary-types.js';

/** The value that `json`, parsed from a structured payload, stands for. */
export function reviveStructured(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(reviveStructured);
  if (!Object.hasOwn(json, '$')) return reviveProperties(json, {});
  const description = (json as { $: unknown }).$;
  if (!Array.isArray(description) || Object.keys(json).length !== 1) throw unknown();
  const [tag, ...content] = description as unknown[];
  const read = typeof tag === 'string' && Object.hasOwn(readers, tag) ? readers[tag] : undefined;
  if (!read) throw unknown();
  return read(content);
}

const readers: Record<string, (content: readonly unknown[]) => unknown> = {
  map: (content) => new Map(content.map(pair)),
  set: (content) => new Set(content.map(reviveStructured)),
  undefined: (content) => only(content, (nothing) => (nothing === undefined ? { value: undefined } : undefined), 0),
  date: (content) =>
    only(content, (instant) => {
      if (instant === null) return { value: new Date(NaN) };
      const date = typeof instant === 'number' ? new Date(instant) : undefined;
      return date?.getTime() === instant ? { value: date } : undefined;
    }),
  bigint: (content) =>
    only(content, (digits) =>
      typeof digits === 'string' && digits.length <= maxBigintDigits && /^-?\d+$/.test(digits)
        ? { value: BigInt(digits) }
        : undefined,
    ),
  number: (content) =>
    only(content, (name) =>
      typeof name === 'string' && /^(NaN|-?Infinity|-0)$/.test(name) ? { value: Number(name) } : undefined,
    ),
  bare: (content) => only(content, (of) => (isObject(of) ? { value: reviveProperties(of, bare()) } : undefined)),
  object: (content) => only(content, (of) => (isObject(of) ? { value: reviveProperties(of, {}) } : undefined)),
  bytes: (content) => reviveBytes(content),
};

function reviveProperties(json: object, into: object): object {
  for (const [name, property] of Object.entries(json)) {
    const value = reviveStructured(property);
    // Plain assignment, but for the one name that would set the prototype.
    if (name === '__proto__') {
      Object.defineProperty(into, name, { value, enumerable: true, writable: true, configurable: true });
    } else (into as Record<string, unknown>)[name] = value;
  }
  return into;
}

function reviveBytes(content: readonly unknown[]): unknown {
  const [type, base64] = content;
  if (content.length !== 2 || typeof type !== 'string' || typeof base64 !== 'string') throw unknown();
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) throw unknown();
  const memory = new Uint8Array(bytes).buffer;
  if (type === 'Buffer') return Buffer.from(memory);
  if (type === 'ArrayBuffer') return memory;
  if (type === 'DataView') return new DataView(memory);
  if (!Object.hasOwn(binaryTypes, type)) throw unknown();
  return new binaryTypes[type as keyof typeof binaryTypes](memory); // a length that is no multiple throws
}

function pair(entry: unknown): [unknown, unknown] {
  if (!Array.isArray(entry) || entry.length !== 2) throw unknown();
  return [reviveStructured(entry[0]), reviveStructured(entry[1])];
}

function only(
  content: readonly unknown[],
  read: (item: unknown) => { value: unknown } | undefined,
  length = 1,
): unknown {
  const found = content.length === length ? read(content[0]) : undefined;
  if (!found) throw unknown();
  return found.value;
}

function bare(): object {
  return Object.create(null) as object;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknown(): UndecodableError {
  return new UndecodableError('The payload holds a tag that is unknown or misused.');
}
