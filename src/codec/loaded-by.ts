const methods = new WeakMap<object, string>();

/** Remembers what has loaded a value, as `Courses.find`, for errors about the value. Costs a load a few nanoseconds, and a hit nothing. */
export function rememberLoadedBy(value: unknown, method: string): void {
  if (typeof value === 'object' && value !== null) methods.set(value, method);
}

/** `undefined`: it was not loaded by a memoized method, or is no object. */
export const loadedBy = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? methods.get(value) : undefined;
