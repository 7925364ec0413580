import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from '../codec/codec.js';

/**
 * JSON as Keyv and cache-manager take it: instances become plain objects, dates strings, and bytes stay bytes. A text that begins with `:`
 * gets another one in front; `:base64:` marks bytes. Only for code that was written for those libraries: it does not give back what it was
 * given, which `json()` would refuse.
 */
export function looseJson<V = unknown>(): Codec<V> {
  return {
    name: 'loose-json',
    isolations: ['clone'],
    encode(value) {
      const text = textOf(value);
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
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, mark);
  } catch {
    const problem = 'it holds a bigint or itself, or its toJSON() failed';
    throw new UnencodableValueError('loose-json', '$', problem, 'Convert it first, or use the structured codec.');
  }
}

/** Buffers have said how they want to be written before this is called; their holder still has them as they are. */
function mark(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  const held = this[name];
  if (types.isUint8Array(held)) {
    return `:base64:${Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString('base64')}`;
  }
  return typeof value === 'string' && value.startsWith(':') ? `:${value}` : value;
}

function unmark(_name: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(':')) return value;
  return value.startsWith(':base64:') ? Buffer.from(value.slice(':base64:'.length), 'base64') : value.slice(1);
}
