import type { EntryOptions } from '../../../src/catalogue/entry-options.js';
import type { Codec } from '../../../src/codec/codec.js';
import { json } from '../../../src/codec/json.js';
import type { SeededRandom } from '../seeded-random.js';

/** A value that says what it was made for. */
export interface ServedValue {
  readonly version: number;
  readonly schema: string;
  readonly codec: string;
}

const plain = json<ServedValue>();
/** Other bytes under another name. */
const reversed: Codec<ServedValue> = {
  name: 'reversed',
  isolations: ['freeze', 'clone', 'share'],
  encode: (value) => Buffer.from(plain.encode(value)).reverse(),
  decode: (payload) => plain.decode(Buffer.from(payload).reverse()),
};

/** What one of several key classes of the same key asks for. */
export interface StoryServing {
  readonly options: Pick<EntryOptions<ServedValue>, 'codec' | 'isolation' | 'version'>;
  readonly codec: string;
  readonly schema: string | undefined;
  readonly isolation: 'freeze' | 'clone' | 'share';
}

export function drawServing(random: SeededRandom): StoryServing {
  const codec = random.pick([plain, plain, reversed]);
  const schema = random.pick([undefined, 's1', 's2']);
  const isolation = random.pick(['freeze', 'clone', 'share'] as const);
  return {
    options: { codec, isolation, ...(schema && { version: schema }) },
    codec: codec.name,
    schema,
    isolation,
  };
}

/** Why this value is not what was asked for; it remembers those that were handed out. */
export function servingProblem(value: ServedValue, asked: StoryServing, handedOut: Set<object>): string | undefined {
  const wasHandedOut = handedOut.has(value);
  handedOut.add(value);
  if (value.codec !== asked.codec) return `was stored by ${value.codec}, and ${asked.codec} was asked for`;
  if (asked.schema !== undefined && value.schema !== asked.schema) return `is ${value.schema}, and not ${asked.schema}`;
  if ((asked.isolation === 'freeze') !== Object.isFrozen(value)) return `is not as ${asked.isolation} hands out`;
  if (asked.isolation === 'clone' && wasHandedOut) return 'was handed out to two';
  return undefined;
}
