import { callsAreDirect } from './direct-calls.js';

type Method = (this: object, ...args: never[]) => unknown;

/**
 * Puts `wrapper` in the method's place, with its name, its length and all metadata that decorators below left on it; those above write
 * on the wrapper itself. So it stacks with others in any order. While calls are direct, the method itself is called.
 */
export function replaceMethod<F>(descriptor: TypedPropertyDescriptor<F>, original: F, wrapper: Method): void {
  const from = original as Method;
  const method: Method = function (...args) {
    return (callsAreDirect() ? from : wrapper).apply(this, args);
  };
  dressAs(method, from);
  for (const key of Reflect.getMetadataKeys(from) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, from), method);
  }
  descriptor.value = method as F;
}

/** Gives a function the name and the length of another. */
export function dressAs(wrapper: Method, original: Method): void {
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
}
