import { types } from 'node:util';
import { InvalidOptionError, UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from './codec.js';
import type { StandardSchemaV1 } from './standard-schema.js';

/**
 * `codec`, for values that fit `schema`. What the schema returns is stored, so a schema that fills in defaults or drops unknown
 * properties does so once, at the write.
 *
 * @param onRead checks again at every decoding: a value that no longer fits is a miss. The schema must accept what it returned.
 */
export function validated<V>(codec: Codec<V>, schema: StandardSchemaV1<unknown, V>, onRead = false): Codec<V> {
  const vendor = schema['~standard'].vendor;
  return {
    name: codec.name,
    isolations: codec.isolations,
    checksOnRead: onRead || codec.checksOnRead === true,
    ...(codec.decodedBytes && { decodedBytes: codec.decodedBytes.bind(codec) }),
    encode(value) {
      const result = validate(schema, value);
      if (result.issues) {
        const where = result.issues.map(pathOf).join(', ');
        throw new UnencodableValueError(codec.name, where, `it does not fit the ${vendor} schema`, 'Mend the loader.');
      }
      return codec.encode(result.value);
    },
    decode(payload) {
      const value = codec.decode(payload);
      if (!onRead) return value;
      const result = validate(schema, value);
      if (result.issues) throw new UndecodableError(`The value no longer fits the ${vendor} schema.`);
      return result.value;
    },
  };
}

function validate<V>(schema: StandardSchemaV1<unknown, V>, value: unknown): StandardSchemaV1.Result<V> {
  const result = schema['~standard'].validate(value);
  if (types.isPromise(result)) {
    result.catch(() => undefined); // its outcome is nobody's any more
    throw new InvalidOptionError('schema', 'it validates asynchronously', 'Give a schema that answers at once.');
  }
  return result;
}

/** The issue's message is left out: some libraries put the value into it. */
function pathOf(issue: StandardSchemaV1.Issue): string {
  const steps = (issue.path ?? []).map((step) => (typeof step === 'object' ? step.key : step));
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')}`;
}
