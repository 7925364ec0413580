import 'reflect-metadata';
import { InvalidOptionError } from '../value/errors.js';

/** Nest's own marks of handlers whose answer is more than a body, the same in Nest 11 and 12. */
const others: readonly (readonly [mark: string, name: string])[] = [
  ['__redirect__', '@Redirect()'],
  ['__renderTemplate__', '@Render()'],
  ['__sse__', '@Sse()'],
];

/** @throws InvalidOptionError naming the handler: what it answers with can't be kept. */
export function assertAnswerable(member: string, handler: object): void {
  const found = others.find(([mark]) => Reflect.getMetadata(mark, handler) !== undefined);
  if (!found) return;
  throw new InvalidOptionError(
    '@CachedResponse',
    `${member} is decorated with ${found[1]}, whose answer is not the body that the handler returns`,
    'Leave one of the two out; cache what the handler reads.',
  );
}
