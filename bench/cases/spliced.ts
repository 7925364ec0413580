import { compileSpliced, hole, renderSpliced } from 'nestjs-tiered-cache';
import { counted, timed, verify } from '../harness.js';
import type { Benchmark } from '../harness.js';

const fullCount = 1_000;
/** One for the list, and five for each journey. */
const journeys = 40;
const token = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2ln';

/** A list of journeys as a service of guided sessions serves it, with a token beside each uid of a file. */
function list(jwt: (type: number, uid: string) => unknown): object {
  const file = (kind: string, index: number): object => {
    const uid = `oseh_if_${kind}${String(index).padStart(18, '0')}`;
    return { uid, jwt: jwt(3, uid) };
  };
  const journey = (index: number): object => ({
    uid: `oseh_j_${String(index).padStart(22, '0')}`,
    jwt: jwt(2, ''),
    audio_content: file('au', index),
    background_image: file('bg', index),
    blurred_background_image: file('bb', index),
    darkened_background_image: file('db', index),
    category: { external_name: 'Meditation', internal_name: 'calm' },
    title: `A calm morning ${index}`,
    instructor: { name: 'Ann Lee', image: null },
    description: {
      text: 'Breathe in slowly, let the day arrive, and notice what is already here before the first task begins.',
    },
    duration_seconds: 60.5 + index,
    is_favorite: index % 2 === 0,
    rating: { likes: 4 * index, dislikes: index % 7 },
    days: Array.from({ length: 25 }, (_, day) => ({ day, views: (day * index) % 97 })),
  });
  return { uid: 'list', jwt: jwt(2, ''), journeys: Array.from({ length: journeys }, (_, index) => journey(index)) };
}

interface List {
  jwt: string;
  journeys: Record<
    'audio_content' | 'background_image' | 'blurred_background_image' | 'darkened_background_image',
    { jwt: string }
  >[] &
    { jwt: string }[];
}

export const benchmark: Benchmark = {
  name: 'spliced',
  unit: 'ns/op',
  title: 'Tokens in a document',
  work: 'filling 201 tokens into a 49 KB document',
  meaning:
    'A document that is the same for everybody but for the tokens in it, such as links that only this user may open. It is stored once and filled for each request.',
  aims: [{ of: '', atMost: 0.1 }],
  limit: 'pieces put together',
  async prepare(smoke) {
    const count = counted(fullCount, smoke);
    const compiled = compileSpliced(list(hole));
    const text = JSON.stringify(list(() => ''));
    const parsed = (): Buffer => {
      const document = JSON.parse(text) as List;
      document.jwt = token;
      for (const one of document.journeys) {
        one.jwt = token;
        one.audio_content.jwt = token;
        one.background_image.jwt = token;
        one.blurred_background_image.jwt = token;
        one.darkened_background_image.jwt = token;
      }
      return Buffer.from(JSON.stringify(document));
    };
    const pieces = JSON.stringify(list(() => '\0')).split('\\u0000');
    const joined = (): Buffer => Buffer.from(pieces.join(token));
    const fillers = { 2: () => token, 3: () => token };
    const rendered = async (): Promise<Buffer> => (await renderSpliced(compiled, fillers)).toBuffer();
    const expected = await rendered();
    verify(parsed().equals(expected) && joined().equals(expected), 'the documents differ');
    verify(
      compiled.holes.length === 201 && text.length > 47_000 && text.length < 51_000,
      `a document of ${text.length} bytes`,
    );
    const loop = (render: () => Buffer | Promise<Buffer>): Promise<number> =>
      timed(count, async () => {
        for (let index = 0; index < count; index++) await render();
      });
    const subjects = [
      { name: 'parse, assign, stringify', round: () => loop(parsed) },
      { name: 'nestjs-tiered-cache', round: () => loop(rendered) },
      { name: 'pieces put together', round: () => loop(joined) },
    ];
    return { comparisons: [{ variant: '', baseline: 'parse, assign, stringify', subjects }] };
  },
};
