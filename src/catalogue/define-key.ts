import { InvalidKeyError, InvalidOptionError } from '../value/errors.js';
import type { KeyPart } from '../key/key-part.js';
import { json } from '../codec/json.js';
import { validated } from '../codec/validated.js';
import type { Codec } from '../codec/codec.js';
import { CatalogueKey } from './catalogue-key.js';
import type { KeyClassKind } from './catalogue-key.js';
import { describeKeyClass } from './describe-key-class.js';
import type { EntryOptions } from './entry-options.js';
import { assertCodec, entryPolicy } from './entry-policy.js';
import { isLife } from './instants.js';
import type { KeyClass, KeyDefinition } from './key-class.js';
import type { KeyClassFacts } from './key-class-facts.js';
import { KeyPattern } from './key-pattern.js';
import type { KeyParameters, ParameterSpecs } from './key-parameters.js';
import { entryOptionTable } from './known-entry-options.js';
import { KnownOptions } from '../value/known-options.js';
import type { Life } from './life.js';

type Given = Readonly<Record<string, unknown>>;

/**
 * A class of keys and how their entries are kept.
 *
 * A segment between colons is one part of the key, so `content_metadata:{customerUuid}:{contentKey}` called with two strings is
 * `versionedKey('content_metadata', customerUuid, contentKey)`; a segment that mixes text and parameters, `{width}x{height}`, is one
 * string. Calling the class checks the parameters and hashes nothing.
 *
 * @throws InvalidKeyError naming a pattern that is malformed or ambiguous; InvalidOptionError and InvalidDurationError for options
 * that can't be met.
 * @example
 * const exports = defineKey('image_files:exports:{uid}', { holds: 'file metadata', codec: json<FileMetadata>(), ttl: '15m' });
 * await cache.get(exports({ uid }));
 */
export function defineKey<
  const Pattern extends string,
  const Specs extends ParameterSpecs<Pattern> = Record<never, never>,
  V = unknown,
>(pattern: Pattern, definition: KeyDefinition<Pattern, Specs, V>): KeyClass<KeyParameters<Pattern, Specs>, V> {
  knownDefinition.check(definition, `defineKey('${pattern}')`);
  const parsed = new KeyPattern(pattern, definition.params);
  const options = entryOptionsOf(definition);
  const tags = typeof definition.tags === 'function' ? definition.tags : undefined;
  const life = isLife(options.ttl) ? options.ttl : undefined;
  checkOptions(parsed, options, life);
  const isPerKey = tags !== undefined || (life?.parameters ?? []).length > 0;

  const make = (given: Given = none): CatalogueKey<V> => {
    if (typeof given !== 'object' || given === null) {
      throw new InvalidKeyError(
        `The key class '${pattern}' was not called with an object. Pass its parameters by name.`,
      );
    }
    const own = isPerKey ? Object.freeze({ ...given }) : undefined;
    const text = parsed.plainText(given);
    return new CatalogueKey(text === undefined ? parsed.parts(given) : undefined, kind, own, text);
  };
  const facts: KeyClassFacts = { pattern, parsed, describe: () => describeKeyClass(parsed, definition, options) };
  const keyClass = Object.freeze(Object.assign(make, facts, { options })) as unknown as KeyClass<
    KeyParameters<Pattern, Specs>,
    V
  >;
  const kind: KeyClassKind<V> = {
    facts: keyClass,
    options,
    optionsFor: (given) =>
      Object.freeze({
        ...options,
        ...(tags && { tags: tags(given as KeyParameters<Pattern, Specs>) }),
        ...(life && { ttl: forParameters(life, given) }),
      }),
    encode: (parts: readonly KeyPart[]) => parsed.encode(parts),
  };
  return keyClass;
}

const none: Given = Object.freeze({});

const { signal: _ofOneCall, ...ofKeyClass } = entryOptionTable;
const knownDefinition = KnownOptions.of<KeyDefinition<string, ParameterSpecs<string>, unknown>>(
  'defineKey()',
  {
    ...ofKeyClass,
    params: true,
    holds: true,
    description: true,
    owner: true,
    schema: true,
    validateOnRead: true,
  },
  { signal: 'Give it to the call: each has its own.' },
);

/** The entry options in a definition, with the codec that they imply. */
function entryOptionsOf<P extends string, S extends ParameterSpecs<P>, V>(
  definition: KeyDefinition<P, S, V>,
): EntryOptions<V> & { readonly codec: Codec<V> } {
  const { params: _1, holds: _2, description: _3, owner: _4, tags, schema, validateOnRead, ...options } = definition;
  const codec = options.codec === undefined ? json<V>() : options.codec;
  assertCodec(codec);
  if (validateOnRead && !schema) {
    throw new InvalidOptionError('validateOnRead', 'there is no schema', 'Give a schema to validate with.');
  }
  return Object.freeze({
    ...options,
    ...(tags !== undefined &&
      typeof tags !== 'function' && {
        tags: Array.isArray(tags) ? Object.freeze([...(tags as readonly string[])]) : tags,
      }),
    codec: schema ? validated(codec, schema, validateOnRead) : codec,
  });
}

/** What can be known to be wrong before there is a value. */
function checkOptions<V>({ text, parameters }: KeyPattern, options: EntryOptions<V>, life: Life<V> | undefined): void {
  entryPolicy([options]);
  for (const name of life?.parameters ?? []) {
    if (!parameters.some((parameter) => parameter.name === name)) {
      throw new InvalidKeyError(`The life of '${text}' asks for a parameter ${name}. Add it to the pattern.`);
    }
  }
}

function forParameters<V>(life: Life<V>, given: Given): Life<V> {
  const parameters = given as Readonly<Record<string, KeyPart | undefined>>;
  return { ...life, freshUntil: (context) => life.freshUntil({ ...context, parameters }) };
}
