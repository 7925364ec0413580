import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { InvalidatedNames } from '../../src/coherence/invalidated-names.js';
import { UploadLine } from '../../src/document/upload-line.js';
import { UnkeptKeys } from '../../src/http/unkept-keys.js';
import { HiddenNames } from '../../src/key/hidden-names.js';
import { versionedKey } from '../../src/key/key.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { lastingText } from '../../src/value/lasting-text.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';

const mebibyte = 2 ** 20;
const texts = 30;

/** A piece of a text of 1 MiB that nobody else holds. */
const cut = (index: number): string => `${index}`.padStart(36, 'k').padEnd(mebibyte, '-').slice(0, 36);

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

async function keepsNoneOf(keep: (text: string, index: number) => unknown): Promise<void> {
  await keep(cut(0), 0);
  const before = heapBytes();
  for (let index = 1; index <= texts; index++) await keep(cut(index), index);
  // A thread beside this one gives back what was collected.
  await eventually(() => expect((heapBytes() - before) / mebibyte).toBeLessThan(5));
}

describe('A lasting text', () => {
  it.each([
    ['', 'short', 'x'.repeat(13), '€'.repeat(5_000), '\0\0name of thirteen', `${'x'.repeat(12)}👍`, '👍'.repeat(7)],
    ['\ud83d'.repeat(13), `\ud83d${'x'.repeat(20)}\udc4d`, `\udc4d${'x'.repeat(20)}\ud83d`],
  ])('is the same text, halves of characters included: %#', (...given) => {
    for (const text of given) expect(lastingText(text)).toBe(text);
  });

  it('keeps nothing alive that it was cut from', () => keepsNoneOf(keeping((text) => lastingText(text))));
});

/** What is kept is held to the end of the test. */
function keeping(make: (text: string) => unknown): (text: string) => void {
  const held: unknown[] = [];
  return (text) => void held.push(make(text));
}

describe('A key or a tag that was cut from a large text keeps none of it alive', () => {
  const cacheWith = (configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> =>
    buildCache({ clock: new FakeClock(), ...configuration });

  it.each<[string, (cache: TieredCache, text: string) => unknown]>([
    ['set', (cache, text) => cache.set(text, 1)],
    ['set under a key of parts', (cache, text) => cache.set(versionedKey(text, 1, text), 1)],
    ['set with it as a tag', (cache, text) => cache.set(text.slice(-5), 1, { tags: [text] })],
    ['loaded', (cache, text) => cache.getOrSet(text, () => 1)],
    ['loaded under a key of parts', (cache, text) => cache.getOrSet(versionedKey(text, 1, text), () => 1)],
    ['loaded with it as a tag', (cache, text) => cache.getOrSet(text, () => 1, { tags: [text] })],
    ['loaded with a tag that the loader names', (cache, text) => cache.getOrSet(text, ({ tag }) => tag(text))],
    ['loaded as one of many', (cache, text) => cache.getOrSetMany([text], (keys) => keys.map((key) => [key, 1]))],
    ['loaded for the request alone', (cache, text) => cache.getOrSet(text, () => 1, { ttl: 0 })],
    ['read', (cache, text) => cache.get(text)],
    ['deleted', (cache, text) => cache.delete(text)],
    ['deleted after it was set', async (cache, text) => (await cache.set(text, 1)) && cache.delete(text)],
    ['invalidated as a tag', (cache, text) => cache.invalidateTags(text)],
  ])('%s', async (_, call) => {
    for (const store of [undefined, memoryStore({ clock: new FakeClock() })]) {
      const cache = await cacheWith({ store });
      await keepsNoneOf((text) => call(cache, text));
      expect(await cache.close()).toBeUndefined();
    }
  });

  it('of which a load has failed', async () => {
    const held = { failureHold: '1s' } as const;
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: undefined });
    // One that was made before: it holds the frames that it was made in, and what these hold.
    const error = new Error('down');
    await keepsNoneOf((text) => cache.getOrSet(text, () => Promise.reject(error), held).catch(() => {}));
    expect(await cache.close()).toBeUndefined();
  });

  it('that is deleted while the store is away', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await cacheWith({ store: faulty.store });
    faulty.down = '';
    await keepsNoneOf(async (text) => {
      expect(await cache.delete(text)).toBe(false);
      expect(await cache.delete(versionedKey(text, 1, text))).toBe(false);
      expect(await cache.invalidateTags(text)).toBe(false);
      expect(await cache.set(`${text}/set`, 1)).toBe(false);
    });
    faulty.down = undefined;
  });

  it('that several are deleted, set or invalidated with while the store is away', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await cacheWith({ store: faulty.store });
    faulty.down = '';
    await keepsNoneOf(async (text) => {
      const names = [text, text.slice(1)];
      expect(await cache.deleteMany(names)).toBe(false);
      expect(await cache.deleteMany(names.map((name) => versionedKey(name, text)))).toBe(false);
      expect(await cache.setMany(names.map((name) => [`${name}/set`, 1]))).toBe(false);
      expect(await cache.invalidateTags(text, text.slice(1))).toBe(false);
    });
    faulty.down = undefined;
  });

  it('that goes by a hidden name', async () => {
    const names = new HiddenNames('s'.repeat(32));
    await keepsNoneOf((text) => names.ofKey(versionedKey(text, 1)));
    expect(names.fingerprint).toHaveLength(11);
  });

  it('that is withdrawn, and then named', async () => {
    const names = new InvalidatedNames();
    await keepsNoneOf((text) => names.withdraw(text));
    await keepsNoneOf((text) => names.name(`${text}/`.slice(0, -1)));
    expect(names.position).toBe(2 * (texts + 1));
  });

  it('that waits to be uploaded', async () => {
    const line = new UploadLine(1, () => new Promise(() => {}));
    await keepsNoneOf((text) => line.add(text));
    expect(line.length).toBe(texts + 1);
  });

  it('whose answers are not kept', async () => {
    const keys = new UnkeptKeys(new FakeClock());
    await keepsNoneOf((text) => keys.note(text));
    expect(keys.has(cut(0))).toBe(true);
  });
});
