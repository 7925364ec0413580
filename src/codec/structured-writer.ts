import { types } from 'node:util';
import { UnencodableValueError } from '../value/errors.js';
import { binaryTypes } from './binary-types.js';
import { conversionOf, keepsContentElsewhere } from './keeps-content-elsewhere.js';
import { maxBigintDigits, maxDepth } from './max-depth.js';
import { tooDeep } from './unencodable.js';

type Path = (string | number)[];

/**
 * The JSON value that stands for `value`; see `structured()` for the tags.
 * @param plain instances of classes are described as plain objects, knowingly.
 */
export function describeStructured(value: unknown, path: Path, ancestors: object[], plain: boolean): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : tagged('number', numberName(value));
    case 'bigint':
      return tagged('bigint', digitsOf(value, path));
    case 'undefined':
      return tagged('undefined');
    case 'object':
      return value === null ? null : describeObject(value, path, ancestors, plain);
    default:
      throw refuseStructured(path, `a ${typeof value} is code, not data`, 'Store data.');
  }
}

function digitsOf(value: bigint, path: Path): string {
  // A hexadecimal digit is a decimal one or more: the longer text is made only where it may be short enough.
  const digits = value.toString(16).length > maxBigintDigits ? undefined : value.toString();
  if (digits !== undefined && digits.length <= maxBigintDigits) return digits;
  throw refuseStructured(path, `a bigint has more than ${maxBigintDigits} digits`, 'Store its bytes.');
}

/** @param path where in the value; names may be shown, content may not. */
export function refuseStructured(path: Path, problem: string, remedy: string): UnencodableValueError {
  const shown = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return new UnencodableValueError('structured', `$${shown}`, problem, remedy);
}

function describeObject(value: object, path: Path, ancestors: object[], plain: boolean): unknown {
  if (ancestors.includes(value)) throw refuseStructured(path, 'it contains itself', 'Break the cycle, or store ids.');
  if (Object.getOwnPropertySymbols(value).length > 0) {
    throw refuseStructured(path, 'a property named by a symbol is not carried', 'Use string names.');
  }
  if (ancestors.length >= maxDepth) throw tooDeep('structured');
  ancestors.push(value);
  const described = describeKind(value, path, ancestors, plain);
  ancestors.pop();
  return described;
}

function describeKind(value: object, path: Path, ancestors: object[], plain: boolean): unknown {
  // Counting prototypes tells a built-in object from one of a subclass, also when it comes from another realm.
  const distance = distanceToRoot(value);
  if (Array.isArray(value) && (distance === 2 || plain)) return describeArray(value, path, ancestors, plain);
  if (distance < 2 && isPlain(value)) return describeProperties(value, path, ancestors, distance, plain);
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) return describeBytes(value, distance, path);
  if (plain && !keepsContentElsewhere(value)) return describeProperties(value, path, ancestors, distance, plain);
  if (distance !== 2) throw foreign(value, path);
  if (Object.keys(value).length > 0 && (types.isDate(value) || types.isMap(value) || types.isSet(value))) {
    throw refuseStructured(path, 'properties added to a built-in object are not carried', 'Wrap both in an object.');
  }
  if (types.isDate(value)) {
    const instant = value.getTime();
    return tagged('date', Number.isNaN(instant) ? null : instant);
  }
  if (types.isSet(value)) return { $: ['set', ...Array.from(value, at(path, ancestors, plain))] };
  if (types.isMap(value)) {
    const describe = at(path, ancestors, plain);
    return { $: ['map', ...Array.from(value, ([key, item], index) => [describe(key, index), describe(item, index)])] };
  }
  throw foreign(value, path);
}

function describeArray(value: readonly unknown[], path: Path, ancestors: object[], plain: boolean): unknown[] {
  // A hole is no key. Indices come before names: where the last key is the last index, no key is a name.
  const keys = Object.keys(value);
  if (keys.length !== value.length || (keys.length > 0 && keys.at(-1) !== String(keys.length - 1))) {
    throw refuseStructured(path, 'an array with holes or named properties is not carried', 'Use an object.');
  }
  return Array.from(value, at(path, ancestors, plain));
}

function describeProperties(value: object, path: Path, ancestors: object[], distance: number, plain: boolean): unknown {
  const properties: Record<string, unknown> = {};
  const names = Object.keys(value);
  for (const name of names) {
    path.push(name);
    const described = describeStructured((value as Record<string, unknown>)[name], path, ancestors, plain);
    path.pop();
    // Plain assignment, but for the one name that would set the prototype.
    if (name === '__proto__') Object.defineProperty(properties, name, { value: described, enumerable: true });
    else properties[name] = described;
  }
  if (distance === 0) return tagged('bare', properties);
  return names.includes('$') ? tagged('object', properties) : properties;
}

function describeBytes(value: ArrayBufferView | ArrayBuffer, distance: number, path: Path): unknown {
  const type = binaryTypeOf(value, distance);
  if (type === undefined) throw foreign(value, path);
  const view = ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value);
  if (types.isSharedArrayBuffer(view.buffer)) {
    throw refuseStructured(path, 'shared memory may change while it is read', 'Store a copy: Buffer.from(bytes).');
  }
  return tagged('bytes', type, view.toString('base64'));
}

function binaryTypeOf(value: ArrayBufferView | ArrayBuffer, distance: number): string | undefined {
  if (Buffer.isBuffer(value)) return 'Buffer';
  if (types.isDataView(value)) return distance === 2 ? 'DataView' : undefined;
  if (!ArrayBuffer.isView(value)) return distance === 2 ? 'ArrayBuffer' : undefined;
  const name = (value as Uint8Array)[Symbol.toStringTag];
  return distance === 3 && Object.hasOwn(binaryTypes, name) ? name : undefined;
}

function at(path: Path, ancestors: object[], plain: boolean): (item: unknown, index: number) => unknown {
  return (item, index) => {
    path.push(index);
    const described = describeStructured(item, path, ancestors, plain);
    path.pop();
    return described;
  };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.hasOwn(prototype as object, 'isPrototypeOf');
}

function distanceToRoot(value: object): number {
  let distance = 0;
  for (let up: unknown = Object.getPrototypeOf(value); up !== null; up = Object.getPrototypeOf(up)) distance++;
  return distance;
}

function foreign(value: object, path: Path): UnencodableValueError {
  const name = (value.constructor as { name?: string } | undefined)?.name ?? 'a class';
  return refuseStructured(
    path,
    `an instance of ${name} would not come back as one`,
    keepsContentElsewhere(value)
      ? conversionOf(value)
      : "Convert it to plain data first, or use structured({ instances: 'plain' }).",
  );
}

function tagged(tag: string, ...content: unknown[]): object {
  return { $: [tag, ...content] };
}

function numberName(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
