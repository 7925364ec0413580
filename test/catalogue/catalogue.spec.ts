import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { gzip } from '../../src/codec/gzip.js';
import { json } from '../../src/codec/json.js';
import { Catalogue } from '../../src/catalogue/catalogue.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { ParameterSpecs } from '../../src/catalogue/key-parameters.js';
import { sinceSet } from '../../src/catalogue/lives/since.js';
import { InvalidOptionError } from '../../src/value/errors.js';

type Specs = ParameterSpecs<string>;

const offers = defineKey('offers:{id}:{platform}', {
  holds: 'the offers of a *project*',
  description: 'As the store\n  lists them.',
  owner: 'growth',
  params: { platform: { values: ['ios', 'android'] } },
  codec: gzip(json()),
  ttl: sinceSet('1h', { jitter: 0.1 }),
  staleFor: '90s',
  negative: { ttl: '5s' },
  tags: ({ id }) => [`offers:${id}`],
  inheritTags: true,
  tiers: ['store'],
});
const chart = defineKey('chart:{start}:{has_pro}:{uid}', {
  params: { start: { type: 'number', none: 'None' }, has_pro: 'boolean', uid: { matches: /^u`\d/ } },
});

describe('a catalogue', () => {
  it('is JSON, sorted by pattern', () => {
    expect(JSON.parse(JSON.stringify(new Catalogue([offers, chart])))).toEqual([
      {
        pattern: 'chart:{start}:{has_pro}:{uid}',
        parameters: [
          { name: 'start', type: 'number', none: 'None' },
          { name: 'has_pro', type: 'boolean' },
          { name: 'uid', type: 'string', matches: '/^u`\\d/' },
        ],
        holds: null,
        codec: 'json',
        schema: null,
        life: "the module's default",
        staleFor: null,
        negative: null,
        tags: [],
        inheritTags: false,
        tiers: ['process', 'store'],
        owner: null,
        description: null,
      },
      {
        pattern: 'offers:{id}:{platform}',
        parameters: [
          { name: 'id', type: 'string' },
          { name: 'platform', type: 'string', values: ['ios', 'android'] },
        ],
        holds: 'the offers of a *project*',
        codec: 'gzip(json)',
        schema: null,
        life: '1 hour since set, less up to 10 % at random',
        staleFor: '90 seconds',
        negative: '5 seconds since set',
        tags: ['offers:{id}'],
        inheritTags: true,
        tiers: ['store'],
        owner: 'growth',
        description: 'As the store\n  lists them.',
      },
    ]);
  });

  it('is Markdown, the same whatever the order', () => {
    const markdown = new Catalogue([offers, chart]).toMarkdown();
    expect(markdown).toBe(new Catalogue([chart, offers]).toMarkdown());
    expect(markdown).toBe(`# Key catalogue

2 key classes. Generated from the code: change it there.

## \`chart:{start}:{has_pro}:{uid}\`

- parameter \`start\`: a number; \`None\` when left out
- parameter \`has_pro\`: a boolean
- parameter \`uid\`: a string that matches \`\` /^u\`\\d/ \`\`
- bytes: \`json\`
- life: the module's default
- tiers: process, store

## \`offers:{id}:{platform}\`

the offers of a \\*project\\*

As the store lists them.

- parameter \`id\`: a string
- parameter \`platform\`: one of \`ios\`, \`android\`
- bytes: \`gzip(json)\`
- life: 1 hour since set, less up to 10 % at random
- stale for: 90 seconds
- negative answers: 5 seconds since set
- tags: \`offers:{id}\`, and those of what its loader reads
- tiers: store
- owner: growth
`);
  });

  it('says that a class has the tags of what its loader reads, also where it has none of its own', () => {
    expect(new Catalogue([defineKey('page', { inheritTags: true })]).toMarkdown()).toContain(
      '\n- tags: those of what its loader reads\n',
    );
  });

  it('may be empty', () => {
    expect(new Catalogue([]).toMarkdown()).toBe(
      '# Key catalogue\n\n0 key classes. Generated from the code: change it there.\n',
    );
    expect(new Catalogue([]).size).toBe(0);
  });

  it('lists every pair of patterns that can produce the same key', () => {
    const classes = ['a:{x}', 'a:{y}', 'a:b', 'c:{x}'].map((pattern) => defineKey(pattern, {}));
    expect(() => new Catalogue(classes)).toThrow(InvalidOptionError);
    expect(() => new Catalogue(classes)).toThrow("'a:b' and 'a:{x}', 'a:b' and 'a:{y}', 'a:{x}' and 'a:{y}'. ");
    expect(() => new Catalogue([offers, offers])).toThrow('same key');
  });

  it.each<[boolean, string, string, Specs?, Specs?]>([
    [true, 'a:{x}', 'a:{x}'],
    [true, 'users:{sub}:created_at', 'users:gender:{sub}'],
    [true, 'journeys:{uid}:meta', 'journeys:external:{uid}'],
    [false, 'journeys:{uid}:meta', 'journeys:external:{uid}', { uid: { matches: /^oseh_j_/ } }],
    [true, 'journeys:{uid}:meta', 'journeys:external:{uid}', {}, { uid: { matches: /^oseh_j_|meta/ } }],
    [false, 'journeys:{uid}:meta', 'journeys:external:{uid}', {}, { uid: { matches: /^oseh_j_/ } }],
    [false, 'a:{x}', 'a:{x}:{y}'],
    [false, 'a:{x}:b', 'a:{x}:c'],
    [false, 'a:{x}', 'a:{x}', { x: 'number' }],
    [false, 'a:{x}', 'a:{x}', { x: 'number' }, { x: 'boolean' }],
    [true, 'a:{x}', 'a:{x}', { x: 'number' }, { x: 'number' }],
    [false, 'a:{x}', 'a:1', { x: 'number' }],
    [true, 'a:{x}', 'a:None', { x: { type: 'number', none: 'None' } }],
    [true, 'a:{x}', 'a:{x}', { x: { type: 'number', none: 'None' } }, { x: { type: 'boolean', none: 'None' } }],
    [false, 'a:{x}', 'a:{x}', { x: { type: 'number', none: 'None' } }, { x: { type: 'boolean', none: 'Null' } }],
    [false, 'a:{x}', 'a:{x}', { x: { values: ['b', 'c'] } }, { x: { values: ['d', 'e'] } }],
    [true, 'a:{x}', 'a:{x}', { x: { values: ['b', 'c'] } }, { x: { values: ['c', 'd'] } }],
    [false, 'a:{x}', 'a:b', { x: { values: ['c'] } }],
    [true, 'a:{w}x{h}', 'a:{x}'],
    [true, 'a:{w}x{h}', 'a:1x2', { w: 'number', h: 'number' }],
    [false, 'a:{w}x{h}', 'a:axb', { w: 'number', h: 'number' }],
    [false, 'a:{w}x{h}', 'a:{w}-{h}cm', { w: 'number', h: 'number' }, { w: 'number', h: 'number' }],
    [true, 'a:{w}x{h}', 'a:{w}-{h}'],
    [true, 'a:x{w}', 'a:{w}y'],
    [false, 'a:x{w}', 'a:y{w}'],
    [false, 'a:{w}x', 'a:{w}y'],
    [true, 'a:x{w}z', 'a:x{v}yz'],
  ])('finds it %p that %s and %s can meet', (meet, one, other, oneSpecs = {}, otherSpecs = {}) => {
    const classes = [defineKey(one, { params: oneSpecs }), defineKey(other, { params: otherSpecs })];
    for (const order of [classes, [...classes].reverse()]) {
      if (meet) expect(() => new Catalogue(order)).toThrow(InvalidOptionError);
      else expect(new Catalogue(order).size).toBe(2);
    }
  });

  it('never lets two classes pass whose keys are equal', () => {
    const segment = fc.oneof(
      fc.constantFrom('a', 'x', 'ax', 'None', '1'),
      fc.constantFrom('{p}', 'x{p}', '{p}x', '{p}x{q}', 'a{p}x'),
    );
    const value = fc.constantFrom('', 'a', 'x', 'ax', 'xa', '1', 'None');
    let met = 0;
    const pattern = fc.tuple(segment, fc.constantFrom('b', '{r}', '{r}x')).map((segments) => segments.join(':'));
    fc.assert(
      fc.property(
        pattern,
        pattern,
        fc.tuple(value, value, value),
        fc.tuple(value, value, value),
        (one, other, given, otherGiven) => {
          const classes = [defineKey(one, {}), defineKey(other, {})] as const;
          const named = ([p, q, r]: [string, string, string]): never => ({ p, q, r }) as never;
          let texts: string[];
          try {
            texts = [classes[0](named(given)).text, classes[1](named(otherGiven)).text];
          } catch {
            return;
          }
          if (texts[0] !== texts[1]) return;
          met++;
          expect(() => new Catalogue(classes)).toThrow(InvalidOptionError);
        },
      ),
      { numRuns: 20_000, seed: 3 },
    );
    expect(met).toBeGreaterThan(50);
  });
});
