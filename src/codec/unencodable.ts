import { UnencodableValueError } from '../value/errors.js';
import { maxDepth } from './max-depth.js';

/** The value as a whole: its path would be longer than anybody reads. */
export function tooDeep(codec: string): UnencodableValueError {
  return new UnencodableValueError(
    codec,
    '$',
    `it is nested too deeply, in more than ${maxDepth} levels`,
    'Flatten it.',
  );
}

/** What a codec throws for what stopped it. Besides V8's own limits, whatever the value's getters do may throw a RangeError. */
export function refusalFor(codec: string, error: unknown): unknown {
  if (!(error instanceof RangeError)) return error;
  if (/call stack/i.test(error.message)) return tooDeep(codec);
  if (error.message === 'Invalid string length') {
    const problem = 'it is too large for a text';
    return new UnencodableValueError(codec, '$', problem, 'Store it in parts, or as bytes.', { cause: error });
  }
  const remedy = 'Mend the getter that threw it: the cause says more.';
  return new UnencodableValueError(codec, '$', 'reading it threw a RangeError', remedy, { cause: error });
}
