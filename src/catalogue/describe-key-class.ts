import { milliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import type { EntryOptions } from './entry-options.js';
import { isLife } from './instants.js';
import type { KeyClassDescription, ParameterDescription } from './key-class-facts.js';
import type { KeyParameter } from './key-parameter.js';
import type { KeyPattern } from './key-pattern.js';
import { describeDuration } from './lives/describe-duration.js';

/** The parts of a definition that the catalogue shows, apart from the entry options. */
export interface DescribedDefinition {
  readonly holds?: string | undefined;
  readonly description?: string | undefined;
  readonly owner?: string | undefined;
  readonly schema?: { readonly '~standard': { readonly vendor: string } } | undefined;
  readonly tags?: readonly string[] | ((parameters: never) => readonly string[]) | undefined;
}

export function describeKeyClass<V>(
  { text, parameters }: KeyPattern,
  definition: DescribedDefinition,
  options: EntryOptions<V>,
): KeyClassDescription {
  return {
    pattern: text,
    parameters: parameters.map(describeParameter),
    holds: definition.holds ?? null,
    codec: options.codec?.name ?? 'json',
    schema: definition.schema?.['~standard'].vendor ?? null,
    life: describeLife(options.ttl),
    staleFor: options.staleFor === undefined ? null : shown(options.staleFor),
    negative: options.negative ? `${shown(options.negative.ttl)} since set` : null,
    tags: describeTags(definition.tags, parameters),
    inheritTags: options.inheritTags ?? false,
    tiers: [...(options.tiers ?? ['process', 'store'])],
    owner: definition.owner ?? null,
    description: definition.description ?? null,
  };
}

export function describeParameter({ name, type, values, matches, none }: KeyParameter): ParameterDescription {
  return {
    name,
    type,
    ...(values && { values: [...values] }),
    ...(matches && { matches: matches.toString() }),
    ...(none !== undefined && { none }),
  };
}

function describeLife<V>(ttl: EntryOptions<V>['ttl']): string {
  if (ttl === undefined) return "the module's default";
  if (isLife(ttl)) return ttl.description;
  if (ttl instanceof Date) return `until ${ttl.toISOString()}`;
  return typeof ttl === 'function' ? 'made from the value' : `${shown(ttl)} since set`;
}

/** Tags that are made from the parameters are shown as they are for parameters that read `{name}`. */
function describeTags(tags: DescribedDefinition['tags'], parameters: readonly KeyParameter[]): readonly string[] {
  if (typeof tags !== 'function') return [...(tags ?? [])];
  try {
    return [...tags(Object.fromEntries(parameters.map(({ name }) => [name, `{${name}}`])) as never)];
  } catch {
    return ['made from the parameters'];
  }
}

const shown = (duration: Duration): string => describeDuration(milliseconds(duration, 'ttl'));
