import { compileSpliced, hole, renderSpliced } from 'nestjs-tiered-cache';
import { counted, timed, verify } from '../harness.js';
import type { Benchmark } from '../harness.js';

const fullCount = 200;
const holes = 201;
const token = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2ln';

export const benchmark: Benchmark = {
  name: 'spliced',
  unit: 'ns/op',
  work: 'filling 201 tokens into a 49 KB document',
  target: '≥ 10 times faster',
  async prepare(smoke) {
    const count = counted(fullCount, smoke);
    const items = (jwt: unknown) =>
      Array.from({ length: holes }, (_, index) => ({ uid: `image-${index}`, jwt, body: 'x'.repeat(190) }));
    const compiled = compileSpliced({ uid: 'journey', items: items(hole(3, 'image')) });
    const text = JSON.stringify({ uid: 'journey', items: items('') });
    const parsed = (): Buffer => {
      const document = JSON.parse(text) as { items: { jwt: string }[] };
      for (const item of document.items) item.jwt = token;
      return Buffer.from(JSON.stringify(document));
    };
    const rendered = async (): Promise<Buffer> => (await renderSpliced(compiled, { 3: () => token })).toBuffer();
    verify(parsed().equals(await rendered()), 'the documents differ');
    const loop = (render: () => Buffer | Promise<Buffer>): Promise<number> =>
      timed(count, async () => {
        for (let index = 0; index < count; index++) await render();
      });
    const subjects = [
      { name: 'parse, assign, stringify', round: () => loop(parsed) },
      { name: 'nestjs-tiered-cache', round: () => loop(rendered) },
    ];
    return { comparisons: [{ variant: '', baseline: 'parse, assign, stringify', subjects }] };
  },
};
