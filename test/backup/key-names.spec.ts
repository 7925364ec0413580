import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeyNames } from '../../src/backup/key-names.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

/** At and beyond each length at which MessagePack writes a text or an array in another way. */
const lengths = [0, 1, 31, 32, 255, 256, 65_535, 65_536];
const counts = [0, 1, 15, 16, 700];

const named = (lengths: readonly number[]): Buffer[] =>
  lengths.map((length, index) => Buffer.alloc(length, index + 120));

/** Buffers take Jest seconds to compare. */
const asTexts = (names: unknown): string[] => (names as readonly Buffer[]).map((name) => name.toString('latin1'));

const namesIn = (names: KeyNames | undefined): string[] | undefined =>
  names && asTexts(Array.from({ length: names.count }, (_, place) => names.name(place)));

describe('Names of keys in one piece', () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it.each([named(lengths), ...counts.map((count) => named(Array.from({ length: count }, (_, n) => n % 40)))])(
    'are read as a script has packed them, and are those that a script takes out',
    async (...names) => {
      const packed = await server.command('EVAL', 'return cmsgpack.pack(ARGV)', 0, ...names);
      expect(namesIn(KeyNames.read(packed as Buffer))).toEqual(asTexts(names));
      const ours = KeyNames.of(names);
      expect(namesIn(ours)).toEqual(asTexts(names));
      expect(asTexts(await server.command('EVAL', 'return cmsgpack.unpack(ARGV[1])', 0, ours.bytes))).toEqual(
        asTexts(names),
      );
    },
  );

  it('are taken out from one place up to another, and go to a script as such', async () => {
    const names = named(lengths);
    const packed = await server.command('EVAL', 'return cmsgpack.pack(ARGV)', 0, ...names);
    for (const all of [KeyNames.of(names), KeyNames.read(packed as Buffer) as KeyNames]) {
      for (const [from, to] of [
        [0, 8],
        [0, 3],
        [3, 6],
        [5, 20],
        [8, 8],
      ] as const) {
        const some = all.slice(from, to);
        expect(namesIn(some)).toEqual(asTexts(names.slice(from, to)));
        const taken = await server.command('EVAL', 'return cmsgpack.unpack(ARGV[1])', 0, some.bytes);
        expect(asTexts(taken)).toEqual(asTexts(names.slice(from, to)));
        expect(namesIn(some.slice(1))).toEqual(asTexts(names.slice(from, to).slice(1)));
      }
    }
  });

  it('are told from what is no such array, or is cut short', () => {
    const { bytes } = KeyNames.of(named([3, 40]));
    for (let length = 0; length < bytes.length; length++)
      expect(KeyNames.read(bytes.subarray(0, length))).toBe(undefined);
    expect(KeyNames.read(Buffer.concat([bytes, Buffer.of(0)]))).toBe(undefined);
    expect(KeyNames.read(Buffer.of(0x91, 0xc0))).toBe(undefined);
    expect(KeyNames.read(Buffer.from('OK'))).toBe(undefined);
  });
});
