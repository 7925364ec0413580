import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from '../codec/codec.js';
import { isPlainObject } from '../codec/is-plain-object.js';

/**
 * JSON as Keyv and cache-manager take it: instances become plain objects, dates strings, and bytes stay bytes. A text that begins with `:`
 * gets another one in front; `:base64:` marks bytes. Only for code that was written for those libraries: it does not give back what it was
 * given, which `json()` would refuse.
 *
 * @param onInstance is told the class of each instance that becomes a plain object. A class with a `toJSON` has said itself how it is written.
 */
export function looseJson<V = unknown>(onInstance?: (className: string) => void): Codec<V> {
  return {
    name: 'loose-json',
    isolations: ['clone'],
    encode(value) {
      const text = textOf(value, onInstance);
      if (text !== undefined) return Buffer.from(text, 'utf8');
      throw new UnencodableValueError('loose-json', '$', 'it has no JSON form', 'Convert it first.');
    },
    decode(payload) {
      if (!isUtf8(payload)) throw new UndecodableError('The payload is not UTF-8.');
      try {
        return JSON.parse(payload.toString('utf8'), unmark) as V;
      } catch (cause) {
        throw new UndecodableError('The payload is not JSON.', { cause });
      }
    },
  };
}

/** What the engine or a `toJSON` says of the failure may show the value: it is not passed on. */
function textOf(value: unknown, onInstance: ((className: string) => void) | undefined): string | undefined {
  try {
    return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name: string, one: unknown) {
      const held = this[name];
      if (onInstance && isInstance(held)) onInstance(classOf(held));
      return marked(held, one);
    });
  } catch {
    const problem = 'it holds a bigint or itself, or its toJSON() failed';
    throw new UnencodableValueError('loose-json', '$', problem, 'Convert it first, or use the structured codec.');
  }
}

/** Buffers have said how they want to be written before this is called; their holder still has them as they are. */
function marked(held: unknown, value: unknown): unknown {
  if (types.isUint8Array(held)) {
    return `:base64:${Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString('base64')}`;
  }
  return typeof value === 'string' && value.startsWith(':') ? `:${value}` : value;
}

function isInstance(held: unknown): held is object {
  if (typeof held !== 'object' || held === null || Array.isArray(held) || types.isUint8Array(held)) return false;
  return !isPlainObject(held) && typeof Reflect.get(held, 'toJSON') !== 'function';
}

function classOf(instance: object): string {
  const made: unknown = (Object.getPrototypeOf(instance) as Partial<object>).constructor;
  return typeof made === 'function' && typeof made.name === 'string' && made.name !== ''
    ? made.name
    : 'a class without a name';
}

function unmark(_name: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(':')) return value;
  return value.startsWith(':base64:') ? Buffer.from(value.slice(':base64:'.length), 'base64') : value.slice(1);
}
