import { isUtf8 } from 'node:buffer';
import { UndecodableError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { Codec } from './codec.js';
import { reviveStructured } from './structured-reader.js';
import { describeStructured, refuseStructured } from './structured-writer.js';
import { refusalFor } from './unencodable.js';

export interface StructuredOptions {
  /**
   * `'refuse'` (default): an instance of a class is an error, since a plain object would come back. `'plain'`: it is stored as its own
   * enumerable properties, knowingly, as an ORM's row with its dates is. What keeps its content elsewhere (an Error, a RegExp, a subclass of
   * Map …) is refused still, and so is an instance without any such property: a URL and a class with private fields alone look as an empty one
   * does.
   */
  readonly instances?: 'refuse' | 'plain';
}

const known = KnownOptions.of<StructuredOptions>('structured()', { instances: true });

/**
 * What `structuredClone` carries as data: besides JSON's values also `undefined` within a value, NaN, infinities, `-0`, bigint,
 * Date, Map, Set, Buffer, typed arrays, ArrayBuffer and objects without a prototype, at any depth and as keys of a Map. Refused
 * with the path: functions, symbols, class instances, errors, regular expressions, shared memory, sparse arrays, cycles, more than 1,000 levels. An
 * object that is met twice comes back as two equal ones. Properties that were added to bytes (a Buffer, a typed array) are not carried.
 *
 * The bytes are JSON in which `{"$":[tag, …]}` stands for what JSON has no form for: `{"$":["map",[key,value],…]}`, `set`,
 * `["date",ms]`, `["bigint","1"]`, `["number","NaN"]`, `["undefined"]`, `["bytes",type,base64]`, `["bare",{…}]`, and
 * `["object",{…}]` for an object that itself has a property `$`. V8's own serialization is not used: its bytes change with the Node
 * version, and can be made to yield objects that no encoder wrote.
 */
export function structured<V = unknown>(options: StructuredOptions = {}): Codec<V> {
  known.check(options);
  const plain = options.instances === 'plain';
  return {
    name: plain ? 'structured-plain' : 'structured',
    isolations: ['clone', 'share'],
    encode(value) {
      if (value === undefined) throw refuseStructured([], 'undefined is never stored', 'Store null instead.');
      try {
        return Buffer.from(JSON.stringify(describeStructured(value, [], [], plain)), 'utf8');
      } catch (error) {
        throw refusalFor('structured', error);
      }
    },
    decode(payload) {
      if (!isUtf8(payload)) throw new UndecodableError('The payload is not UTF-8.');
      try {
        return reviveStructured(JSON.parse(payload.toString('utf8'))) as V;
      } catch (cause) {
        if (cause instanceof UndecodableError) throw cause;
        throw new UndecodableError('The payload is no structured value.', { cause });
      }
    },
  };
}
