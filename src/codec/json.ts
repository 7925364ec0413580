import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from './codec.js';
import { isPlainObject } from './is-plain-object.js';
import { conversionOf, keepsContentElsewhere } from './keeps-content-elsewhere.js';
import { maxDepth } from './max-depth.js';
import { refusalFor, tooDeep } from './unencodable.js';
import { KnownOptions } from '../value/known-options.js';

export interface JsonOptions {
  /**
   * `'refuse'` (default): an instance of a class is an error, since JSON gives back a plain object. `'plain'`: it is stored as
   * its own enumerable properties, knowingly. What keeps its content elsewhere (Date, Map, Set, typed arrays …) is refused still, and so is an
   * instance without any such property: a URL and a class with private fields alone look as an empty one does.
   */
  readonly instances?: 'refuse' | 'plain';
}

const known = KnownOptions.of<JsonOptions>('json()', { instances: true });

/**
 * JSON, and only what JSON carries: null, booleans, finite numbers, strings, arrays and plain objects of these. Refused with the
 * path: NaN, infinities, bigint, functions, symbols, Date, Map, Set, class instances, cycles, and `undefined` anywhere but as a
 * property's value, where it means that the property is absent, and what is nested in more than 1,000 levels. `-0` is stored as `0`.
 */
export function json<V = unknown>(options: JsonOptions = {}): Codec<V> {
  known.check(options);
  const plainInstances = options.instances === 'plain';
  return {
    name: plainInstances ? 'json-plain' : 'json',
    isolations: ['freeze', 'clone', 'share'],
    encode(value) {
      try {
        const checked = check(value, [], [], plainInstances);
        return Buffer.from(JSON.stringify(checked), 'utf8');
      } catch (error) {
        throw refusalFor('json', error);
      }
    },
    decode(payload) {
      const text = payload.toString();
      // What is not UTF-8 is read as this character: only where it stands are the bytes checked.
      if (text.includes('\ufffd') && !isUtf8(payload)) throw new UndecodableError('The payload is not UTF-8.');
      return parse(text) as V;
    },
    decodeChecked: (bytes, start, end) => parse(bytes.toString('utf8', start, end)) as V,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UndecodableError('The payload is not JSON.', { cause });
  }
}

type Path = (string | number)[];

/** Returns what to stringify: the value itself, or a plain copy where instances are knowingly flattened. */
function check(value: unknown, path: Path, ancestors: object[], plainInstances: boolean): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw refuse(path, `${value} has no JSON form`, 'Store null or a string instead.');
    case 'bigint':
      throw refuse(path, 'a bigint has no JSON form', 'Store it as a string, or use the structured codec.');
    case 'undefined':
      throw refuse(path, 'undefined has no JSON form', 'Store null instead.');
    case 'object':
      return value === null ? null : checkObject(value, path, ancestors, plainInstances);
    default:
      throw refuse(path, `a ${typeof value} has no JSON form`, 'Store data, not code.');
  }
}

function checkObject(value: object, path: Path, ancestors: object[], plainInstances: boolean): unknown {
  if (ancestors.includes(value)) throw refuse(path, 'it contains itself', 'Break the cycle, or store ids.');
  if (ancestors.length >= maxDepth) throw tooDeep('json');
  ancestors.push(value);
  const checked = Array.isArray(value)
    ? checkArray(value, path, ancestors, plainInstances)
    : checkProperties(value, path, ancestors, plainInstances);
  ancestors.pop();
  return checked;
}

function checkArray(value: readonly unknown[], path: Path, ancestors: object[], plainInstances: boolean): unknown {
  if (!plainInstances && distanceToRoot(value) !== 2) {
    throw refuse(path, 'an instance of a subclass of Array would come back as an array', 'Copy it with Array.from().');
  }
  if ('toJSON' in value) throw refuse(path, 'its toJSON() changes what is stored', 'Call it yourself.');
  const items: unknown[] | undefined = plainInstances ? [] : undefined;
  for (let index = 0; index < value.length; index++) {
    path.push(index);
    const item = check(value[index], path, ancestors, plainInstances);
    path.pop();
    items?.push(item);
  }
  if (Object.keys(value).length !== value.length) {
    throw refuse(path, 'an array with named properties has no JSON form', 'Use an object.');
  }
  return items ?? value;
}

function checkProperties(value: object, path: Path, ancestors: object[], plainInstances: boolean): unknown {
  const isPlain = isPlainObject(value);
  if (!isPlain && (!plainInstances || keepsContentElsewhere(value))) {
    const name = (value.constructor as { name?: string } | undefined)?.name ?? 'a class';
    throw refuse(
      path,
      `an instance of ${name} would come back as ${comesBackAs(value)}`,
      remedyFor(value, plainInstances),
    );
  }
  if (isPlain && 'toJSON' in value && typeof value.toJSON === 'function') {
    throw refuse(path, 'its toJSON() changes what is stored', 'Call it yourself and store the result.');
  }
  if (Object.getOwnPropertySymbols(value).length > 0) {
    throw refuse(path, 'a property named by a symbol has no JSON form', 'Use string names.');
  }
  const properties: Record<string, unknown> | undefined = plainInstances ? {} : undefined;
  for (const name of Object.keys(value)) {
    const property = (value as Record<string, unknown>)[name];
    if (property === undefined) continue;
    path.push(name);
    const checked = check(property, path, ancestors, plainInstances);
    path.pop();
    if (properties) {
      Object.defineProperty(properties, name, { value: checked, enumerable: true, writable: true, configurable: true });
    }
  }
  return properties ?? value;
}

/** How many prototypes an object has: 1 is a plain object, 2 an array, a Map or an instance of a class, in any realm. */
function distanceToRoot(value: object): number {
  let distance = 0;
  for (let at: unknown = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) distance++;
  return distance;
}

function comesBackAs(value: object): string {
  if (types.isDate(value)) return 'a text';
  return Object.keys(value).length === 0 ? 'an empty object' : 'a plain object';
}

/** What carries the whole instance: the first advice has to be the right one, since each costs a deployment. */
function remedyFor(value: object, plainInstances: boolean): string {
  if (keepsContentElsewhere(value)) {
    if (!isStructured(value)) return conversionOf(value);
    return `Use ${plainInstances ? "structured({ instances: 'plain' })" : 'the structured codec'}, or convert it first.`;
  }
  try {
    check(value, [], [], true);
    return "Convert it to a plain object first, or use json({ instances: 'plain' }).";
  } catch {
    return "It holds what JSON has no form for, such as a date: convert it to plain data first, or use structured({ instances: 'plain' }).";
  }
}

/** What `structured()` carries, of what keeps its content elsewhere. */
function isStructured(value: object): boolean {
  return (
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isArrayBuffer(value) ||
    ArrayBuffer.isView(value)
  );
}

function refuse(path: Path, problem: string, remedy: string): UnencodableValueError {
  const shown = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return new UnencodableValueError('json', `$${shown}`, problem, remedy);
}
