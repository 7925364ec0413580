import { InvalidOptionError } from '../value/errors.js';

const maxBytes = 2048;
const name = /^[a-z0-9][a-z0-9_-]*$/;
const value = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/** @throws InvalidOptionError for what can't be a header. */
export function assertContentType(contentType: string | undefined): void {
  if (contentType === undefined || (value.test(contentType) && contentType.length <= 255)) return;
  throw new InvalidOptionError('contentType', "it can't be a header", "Give a media type such as 'image/webp'.");
}

/**
 * A writer's own facts of an object, which travel as headers.
 *
 * @returns a frozen copy; an empty one for `undefined`.
 * @throws InvalidOptionError for what would not arrive as it was given.
 */
export function assertMetadata(given: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(given ?? {});
  let bytes = 0;
  for (const [key, text] of entries) {
    if (!name.test(key)) throw refused(`the name '${key.slice(0, 50)}' can't be a header`);
    if (typeof text !== 'string' || !value.test(text)) throw refused(`the value of '${key}' can't be a header`);
    bytes += key.length + text.length;
  }
  if (bytes > maxBytes) throw refused(`it has ${bytes} bytes, more than ${maxBytes}`);
  return Object.freeze(Object.fromEntries(entries));
}

function refused(problem: string): InvalidOptionError {
  const remedy = 'Names are lower-case letters, digits, - and _; values printable ASCII without spaces at the ends.';
  return new InvalidOptionError('metadata', problem, remedy);
}
