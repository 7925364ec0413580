import { types } from 'node:util';

/** Objects whose own properties say nothing of what they hold. One without any may hold all in private fields, as a URL does: nothing tells it from an empty one. */
export function keepsContentElsewhere(value: object): boolean {
  return (
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value) ||
    types.isBoxedPrimitive(value) ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    Object.keys(value).length === 0
  );
}

/** How to store what no codec carries. */
export function conversionOf(value: object): string {
  return value instanceof URL ? 'Store its href.' : 'Convert it to plain data first.';
}
