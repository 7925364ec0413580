type Method = (this: object, ...args: never[]) => unknown;

/**
 * Puts `wrapper` in the method's place, with its name, its length and all metadata that decorators below left on it; those above write
 * on the wrapper itself. So it stacks with others in any order.
 */
export function replaceMethod<F>(descriptor: TypedPropertyDescriptor<F>, original: F, wrapper: Method): void {
  const from = original as Method;
  dressAs(wrapper, from);
  for (const key of Reflect.getMetadataKeys(from) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, from), wrapper);
  }
  descriptor.value = wrapper as F;
}

/** Gives a function the name and the length of another. */
export function dressAs(wrapper: Method, original: Method): void {
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
}
