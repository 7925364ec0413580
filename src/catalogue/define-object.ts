import { byteSize } from '../value/byte-size.js';
import { systemClock } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { describeParameter } from './describe-key-class.js';
import type { ObjectClass, ObjectClassDescription, ObjectDefinition, ObjectRules } from './object-class.js';
import type { ObjectParameters, ObjectParameterSpecs, ParsedObjectKey } from './object-parts.js';
import { ObjectPattern } from './object-pattern.js';

const knownDefinition = KnownOptions.of<ObjectDefinition<string, Record<never, never>>>('defineObject()', {
  params: true,
  holds: true,
  description: true,
  owner: true,
  contentType: true,
  maxBytes: true,
  immutable: true,
  cache: true,
  secret: true,
});

/**
 * A class of objects in an object store: how their keys are made and read, and what holds for them.
 *
 * The pattern's segments stand between `/`. A parameter's value stands in the key as it is; what another reader of the key could take for another
 * key is refused: `/`, empty, `.` and `..` segments, control characters, more than 1024 bytes. It only names: a store is asked elsewhere.
 *
 * @throws InvalidKeyError naming a pattern that is malformed or ambiguous; InvalidOptionError for options that can't be met.
 * @example
 * const imageExports = defineObject('images/exports/{uid}/{random}.{format}', {
 *   holds: 'an exported image',
 *   params: { random: randomPart(), format: { values: ['jpeg', 'png', 'webp'] } },
 *   contentType: ({ format }) => `image/${format}`,
 *   maxBytes: '50mb',
 * });
 * const key = imageExports.mint({ uid, format: 'webp' });
 */
export function defineObject<
  const Pattern extends string,
  const Specs extends ObjectParameterSpecs<Pattern> = Record<never, never>,
>(pattern: Pattern, definition: ObjectDefinition<Pattern, Specs> = {}): ObjectClass<Pattern, Specs> {
  knownDefinition.check(definition, `defineObject('${pattern}')`);
  const parsed = new ObjectPattern(pattern, definition.params);
  const rules = rulesOf(parsed, definition);
  const { contentType } = definition;
  type Given = Readonly<Record<string, unknown>>;
  return Object.freeze({
    kind: 'object' as const,
    pattern,
    parsed,
    rules,
    describe: () => describeObjectClass(parsed, definition, rules),
    mint: (given, clock = systemClock) => parsed.mint(given as Given, clock.now()),
    parse: (key) => sorted<Pattern, Specs>(parsed, parsed.parse(key)),
    prefix: (given = {}) => parsed.prefix(given as Given),
    contentType: (given) => (typeof contentType === 'function' ? contentType(given) : contentType),
  } satisfies ObjectClass<Pattern, Specs>);
}

function rulesOf<P extends string, S extends ObjectParameterSpecs<P>>(
  { parts }: ObjectPattern,
  definition: ObjectDefinition<P, S>,
): ObjectRules {
  const { maxBytes, cache = false, secret = false } = definition;
  if (secret && cache !== false) {
    const remedy = 'Leave cache out: a secret is read from the store itself.';
    throw new InvalidOptionError('cache', 'the object is a secret', remedy);
  }
  const isRandom = [...parts.values()].some(({ minted }) => minted === 'random');
  return Object.freeze({
    maxBytes: maxBytes === undefined ? Infinity : byteSize(maxBytes, 'maxBytes'),
    immutable: definition.immutable ?? isRandom,
    cache,
    secret,
  });
}

function sorted<P extends string, S>(
  { parts }: ObjectPattern,
  found: ReadonlyMap<string, unknown> | undefined,
): ParsedObjectKey<P, S> | undefined {
  if (!found) return undefined;
  const [parameters, hints]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  for (const [name, value] of found) (parts.get(name)?.isHint ? hints : parameters)[name] = value;
  return { parameters, hints } as unknown as ParsedObjectKey<P, S>;
}

function describeObjectClass<P extends string, S extends ObjectParameterSpecs<P>>(
  { text, parts }: ObjectPattern,
  definition: ObjectDefinition<P, S>,
  { maxBytes, immutable, cache, secret }: ObjectRules,
): ObjectClassDescription {
  return {
    kind: 'object',
    pattern: text,
    parameters: [...parts.values()].map(({ parameter, minted, isHint }) =>
      minted
        ? { name: parameter.name, type: 'string', minted }
        : { ...describeParameter(parameter), ...(isHint && { hint: true as const }) },
    ),
    holds: definition.holds ?? null,
    contentType: describeType(definition.contentType, [...parts.keys()]),
    maxBytes: maxBytes === Infinity ? null : maxBytes,
    immutable,
    cache,
    secret,
    owner: definition.owner ?? null,
    description: definition.description ?? null,
  };
}

/** A type that is made from the parameters is shown as it is for parameters that read `{name}`. */
function describeType<P extends string, S>(
  contentType: string | ((parameters: ObjectParameters<P, S>) => string) | undefined,
  names: readonly string[],
): string | null {
  if (typeof contentType !== 'function') return contentType ?? null;
  try {
    const shown: unknown = Object.fromEntries(names.map((name) => [name, `{${name}}`]));
    return contentType(shown as ObjectParameters<P, S>);
  } catch {
    return 'made from the parameters';
  }
}
