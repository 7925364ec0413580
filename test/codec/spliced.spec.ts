import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';
import { compileSpliced } from '../../src/codec/spliced/compile-spliced.js';
import { FillerError } from '../../src/codec/spliced/filler-error.js';
import { hole } from '../../src/codec/spliced/hole.js';
import { renderSpliced } from '../../src/codec/spliced/render-spliced.js';
import type { Fillers } from '../../src/codec/spliced/render-spliced.js';
import { splicedDocument } from '../../src/codec/spliced/spliced-builder.js';
import { SplicedDocument } from '../../src/codec/spliced/spliced-document.js';
import { spliced } from '../../src/codec/spliced/spliced.js';
import { codecContract } from '../../src/testing/codec-contract.js';
import { InvalidOptionError, UndecodableError, UnencodableValueError } from '../../src/value/errors.js';

const runs = process.env['ENDURANCE'] === '1' ? 100_000 : 5000;

const golden = Buffer.from(
  '00000013' + '01' + '7b22756964223a227531222c226a7774223a22' + '00000000' + '02' + '00000002' + '01' + '227d',
  'hex',
);
const small = compileSpliced({ uid: 'u1', jwt: hole(2) });
const large = compileSpliced({
  title: 'Ünï 😀 "q" \\',
  list: [hole(3, 'oseh_if_é'), { a: hole(0) }, 1.5, null],
  end: hole(255, 'z'),
});
const echo: Fillers = Object.fromEntries(
  [0, 2, 3, 255].map((type) => [type, (argument: string) => `<${type}:${argument}>`]),
);

codecContract(
  { describe, it },
  {
    make: () => spliced(),
    values: [small, large],
    refused: [undefined, null, '{}', golden, { pieces: [] }],
    undecodable: [Buffer.alloc(0), Buffer.alloc(4), Buffer.of(0, 0, 0, 1, 1), Buffer.of(0, 0, 0, 1, 2, 0xff)],
    equal: (read, written) => read.toBuffer().equals(written.toBuffer()) && read.holes.length === written.holes.length,
  },
);

describe('V7 a spliced document', () => {
  it('has these bytes, compiled or built', () => {
    expect(small.toBuffer().toString('hex')).toBe(golden.toString('hex'));
    const built = splicedDocument()
      .literal('{"uid":"u1",')
      .literal(Buffer.from('"jwt":"'))
      .hole(2)
      .literal('"}')
      .build();
    expect(built.toBuffer().equals(golden)).toBe(true);
    expect(Buffer.from(spliced().encode(small)).equals(golden)).toBe(true);
    expect(
      compileSpliced([hole(3, 'é')])
        .toBuffer()
        .toString('hex'),
    ).toBe('00000002015b22' + '0000000203c3a9' + '0000000201225d');
  });

  it('knows its holes and keeps its content out of logs', () => {
    expect(large.holes.map(({ type, argument }) => [type, argument])).toEqual([
      [3, 'oseh_if_é'],
      [0, ''],
      [255, 'z'],
    ]);
    expect(inspect(small)).toBe('SplicedDocument { 36 bytes, 1 holes }');
    expect(JSON.stringify(small)).toBe('{"bytes":36,"holes":1}');
  });

  it('is compiled from what JSON carries only, and from whole holes', () => {
    expect(() => compileSpliced({ a: new Date() })).toThrow(UnencodableValueError);
    expect(() => compileSpliced(undefined)).toThrow(UnencodableValueError);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => compileSpliced(cycle)).toThrow(UnencodableValueError);
    for (const type of [1, -1, 256, 1.5, NaN]) expect(() => hole(type)).toThrow(InvalidOptionError);
    expect(() => hole(2, '\ud800')).toThrow(InvalidOptionError);
  });

  it.each([
    ['outside of a string', () => splicedDocument().literal('{"a":').hole(2).literal('}')],
    ['within an escape', () => splicedDocument().literal('{"a":"\\').hole(2).literal('n"}')],
    ['within a unicode escape', () => splicedDocument().literal('{"a":"\\u00').hole(2).literal('41"}')],
    [
      'within a character',
      () => splicedDocument().literal(Buffer.from('22c3', 'hex')).hole(2).literal(Buffer.from('a922', 'hex')),
    ],
    ['as a word', () => splicedDocument().literal('{"a":t').hole(2).literal('rue}')],
    ['in broken JSON', () => splicedDocument().literal('{"a":"').hole(2)],
    ['in nothing', () => splicedDocument()],
  ])('can not be built with a hole %s', (_where, builder) => {
    expect(() => builder().build()).toThrow(UnencodableValueError);
  });

  it('takes a hole within a longer string', async () => {
    const built = splicedDocument().literal('{"src":"/i?jwt=').hole(3, 'i').literal('&v=1"}').build();
    expect((await renderSpliced(built, echo)).toBuffer().toString()).toBe('{"src":"/i?jwt=<3:i>&v=1"}');
  });
});

describe('V7 every damage', () => {
  const documents = [small, large].map((document) => document.toBuffer());

  it('by truncation is a typed error before there is a byte', async () => {
    for (const whole of documents) {
      for (let length = 0; length < whole.length; length++) {
        const cut = whole.subarray(0, length);
        expect(() => SplicedDocument.parse(cut)).toThrow(UndecodableError);
        await expect(renderSpliced(cut, echo)).rejects.toThrow(UndecodableError);
      }
    }
  });

  it('by a flipped byte is a typed error, or what is served is JSON still', async () => {
    let refused = 0;
    for (const whole of documents) {
      for (let at = 0; at < whole.length; at++) {
        for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
          const flipped = Buffer.from(whole);
          flipped.writeUInt8(flipped.readUInt8(at) ^ mask, at);
          refused += Number((await jsonOrRefusal(flipped)) === undefined);
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('is noticed in a stored entry, whichever byte', () => {
    const head = {
      codec: 'spliced',
      createdAt: 0,
      freshUntil: 1,
      staleUntil: 1,
      loadCostMs: 0,
      generation: 0,
      tags: [],
    };
    const sealed = sealEnvelope('k', head, spliced().encode(large));
    for (let at = 0; at < sealed.length; at++) {
      const flipped = Buffer.from(sealed);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      expect(() => openEnvelope('k', flipped)).toThrow(UndecodableError);
    }
  });

  it(`of ${runs} random kinds is a typed error, or what is served is JSON still`, async () => {
    const edit = fc.tuple(fc.nat(), fc.constantFrom('flip', 'insert', 'drop', 'cut'), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...documents),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        async (whole, edits) => {
          await jsonOrRefusal(edits.reduce(applyEdit, whole));
        },
      ),
      { numRuns: runs / 2, seed: 7 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        await jsonOrRefusal(Buffer.from(bytes));
      }),
      { numRuns: runs / 2, seed: 7 },
    );
  }, 300_000);

  it('is noticed at reading too where that is asked for', () => {
    const flipped = Buffer.from(golden);
    flipped.write('}', 5);
    expect(() => spliced({ check: 'json' }).decode(flipped)).toThrow(UndecodableError);
    expect(spliced().decode(flipped)).toBeInstanceOf(SplicedDocument);
  });

  /** What is served, parsed; undefined for a refusal. Anything else fails. */
  async function jsonOrRefusal(bytes: Buffer): Promise<unknown> {
    try {
      const rendered = await renderSpliced(bytes, anyType);
      expect(rendered.byteLength).toBe(rendered.toBuffer().length);
      return JSON.parse(rendered.toBuffer().toString('utf8')) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
      expect(error).toBeInstanceOf(UndecodableError);
      return undefined;
    }
  }

  function applyEdit(bytes: Buffer, [place, kind, byte]: [number, string, number]): Buffer {
    const at = place % (bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (kind === 'cut') return before;
    if (kind === 'insert') return Buffer.concat([before, Buffer.of(byte), after]);
    return Buffer.concat([before, kind === 'flip' ? Buffer.of(byte) : Buffer.alloc(0), after.subarray(1)]);
  }
});

/** Answers for every type of hole, with what would end the string. */
const anyType: Fillers = Object.fromEntries(Array.from({ length: 256 }, (_, type) => [type, () => '"\\\n\u0000é😀']));

describe('V7 rendering', () => {
  const served = async (document: SplicedDocument, fillers: Fillers): Promise<unknown> => {
    const rendered = await renderSpliced(document, fillers);
    expect(rendered.byteLength).toBe(rendered.toBuffer().length);
    return JSON.parse(rendered.toBuffer().toString('utf8')) as unknown;
  };

  it('is the JSON that would have been made with the values in place', async () => {
    expect((await renderSpliced(small, { 2: () => 'token' })).toBuffer().toString()).toBe('{"uid":"u1","jwt":"token"}');
    expect(await served(large, echo)).toEqual({
      title: 'Ünï 😀 "q" \\',
      list: ['<3:oseh_if_é>', { a: '<0:>' }, 1.5, null],
      end: '<255:z>',
    });
  });

  it('is byte for byte what stringify gives, for any value and any text', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.string({ minLength: 180, maxLength: 500 }),
      fc.string({ unit: 'grapheme', minLength: 100, maxLength: 300 }),
      fc.constantFrom('"', '\\', '\n', '\0', '\u2028', '\x7f', '\x1f', '\ud800', 'é', 'x'.repeat(300)),
    );
    const { value } = fc.letrec((tie) => ({
      leaf: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.constant(null),
        text.map((fill) => new Filled(fill)),
      ),
      value: fc.oneof(
        { maxDepth: 4 },
        tie('leaf'),
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 5 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(value, async (template) => {
        const fills: string[] = [];
        const document = compileSpliced(
          replaceFilled(template, ({ text: fill }) => hole(2, String(fills.push(fill) - 1))),
        );
        const rendered = await renderSpliced(document, { 2: (index) => fills[Number(index)] as string });
        expect(rendered.toBuffer().toString('utf8')).toBe(
          JSON.stringify(replaceFilled(template, ({ text: fill }) => fill)),
        );
      }),
      { numRuns: runs / 10 },
    );
  }, 300_000);

  it('escapes what would end the string, whatever its length and neighbours', async () => {
    const awkward = ['"', '\\', '\n', '\0', '\x1f', 'é', 'Ł', '😀', '\ud800', '"},"admin":true,{"'];
    for (const bad of awkward) {
      for (const padding of [0, 1, 2, 3, 50, 199, 200, 201, 5000]) {
        const fill = `${'x'.repeat(padding)}${bad}${'y'.repeat(padding % 7)}`;
        expect(await served(small, { 2: () => fill })).toEqual({ uid: 'u1', jwt: fill });
        if (fill.isWellFormed())
          expect(await served(small, { 2: async () => Buffer.from(fill) })).toEqual({ uid: 'u1', jwt: fill });
      }
    }
  });

  it('calls the filler of each hole with its argument, in order, asynchronous ones at once', async () => {
    const calls: string[] = [];
    let arrived = 0;
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const filler = (type: number) => async (argument: string) => {
      calls.push(`${type}:${argument}`);
      if (++arrived === 3) open();
      await gate;
      return `${type}`;
    };
    expect(await served(large, { 0: filler(0), 3: filler(3), 255: filler(255) })).toMatchObject({
      list: ['3', { a: '0' }, 1.5, null],
      end: '255',
    });
    expect(calls).toEqual(['3:oseh_if_é', '0:', '255:z']);
  });

  it('gives Buffers of at most 64 KiB, a stream of the same, and bytes that are the caller’s own', async () => {
    const document = compileSpliced({ a: 'x'.repeat(150_000), jwt: hole(2) });
    const rendered = await renderSpliced(document, { 2: () => 'y'.repeat(100) });
    expect(rendered.chunks.map((chunk) => chunk.length)).toEqual([65_536, 65_536, rendered.byteLength - 131_072]);
    const streamed: Buffer[] = [];
    for await (const chunk of rendered.stream()) streamed.push(chunk as Buffer);
    expect(Buffer.concat(streamed).equals(rendered.toBuffer())).toBe(true);
    rendered.toBuffer().fill(0);
    const again = await renderSpliced(document, { 2: () => 'z' });
    expect(again.toBuffer().subarray(0, 6).toString()).toBe('{"a":"');
    expect(document.toBuffer()[4]).toBe(1);
  });

  describe('fails before the first byte', () => {
    const cause = new Error('signing failed');

    it.each<[string, Fillers]>([
      [
        'throws',
        {
          ...echo,
          0: () => {
            throw cause;
          },
        },
      ],
      [
        'rejects',
        {
          ...echo,
          0: async () => {
            throw cause;
          },
        },
      ],
      [
        'throws while another is under way that rejects later',
        {
          ...echo,
          3: () => Promise.reject(new Error('later')),
          0: () => {
            throw cause;
          },
        },
      ],
      [
        'rejects while others reject too',
        { 3: async () => 'a', 0: () => Promise.reject(cause), 255: () => Promise.reject(new Error('too')) },
      ],
    ])('when a filler %s', async (_how, fillers) => {
      const error: unknown = await renderSpliced(large, fillers).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FillerError);
      expect(error).toMatchObject({ code: 'FILLER_FAILED', holeType: 0, cause });
    });

    it.each([undefined, null, 1, {}, ['a'], Buffer.of(0xff), new Uint16Array(2)])(
      'when a filler gives %p',
      async (given) => {
        for (const fill of [() => given, async () => given]) {
          await expect(renderSpliced(small, { 2: fill as () => string })).rejects.toMatchObject({
            code: 'FILLER_FAILED',
            holeType: 2,
          });
        }
      },
    );

    it('when a type has no filler', async () => {
      await expect(renderSpliced(large, { 3: () => '' })).rejects.toThrow('A hole of type 0 has no filler.');
    });

    it('without showing what was to be filled in', async () => {
      const broken = Buffer.concat([Buffer.from('secret-token'), Buffer.of(0xff)]);
      const error: unknown = await renderSpliced(small, { 2: () => broken }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FillerError);
      expect(inspect(error)).not.toContain('secret-token');
    });
  });
});

class Filled {
  constructor(readonly text: string) {}
}

function replaceFilled(value: unknown, replace: (filled: Filled) => unknown): unknown {
  if (value instanceof Filled) return replace(value);
  if (Array.isArray(value)) return value.map((item) => replaceFilled(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaceFilled(item, replace)]));
}
