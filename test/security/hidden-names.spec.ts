import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { observeCaches } from '../../src/adapter/telemetry.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { runCommand } from '../../src/cli/run-command.js';
import { HiddenNames } from '../../src/key/hidden-names.js';
import { Key, versionedKey } from '../../src/key/key.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { WarningLog } from '../../src/module/warning-log.js';
import { guarded } from '../../src/origin/guarded-store.js';
import { diskStore } from '../../src/store/disk/disk-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { reportFault } from '../../src/value/events.js';
import { buildCache } from '../support/build-cache.js';
import { diskDirectory } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';

const secret = 'a secret of 32 bytes, or of more';
const person = 'ada.lovelace@example.com';
const names = new HiddenNames(secret);
const accounts = defineKey('account:{email}', {
  params: { email: 'string' },
  holds: 'an account',
  ttl: '5m',
});

describe('a hidden name', () => {
  it('is the same for the same text, of one kind, under one secret, and begins as no text does', () => {
    const other = new HiddenNames(`${secret}!`);
    const hidden = [names.hide('key', 'a'), names.hide('tag', 'a'), names.hide('lock', 'a'), other.hide('key', 'a')];
    expect(new Set(hidden).size).toBe(4);
    expect(new HiddenNames(secret).hide('key', 'a')).toBe(hidden[0]);
    for (const name of hidden) expect(name).toMatch(/^~[\w-]{43}$/);
    expect(hidden[0]).not.toContain(createHash('sha256').update('a').digest('base64url'));
  });

  it('leaves a key its parts, and all that its class says', () => {
    const key = accounts({ email: person });
    const hidden = names.ofKey(key);
    expect(hidden).toBeInstanceOf(Key);
    expect(hidden.parts).toEqual(key.parts);
    expect((hidden as typeof key).options.ttl).toBe('5m');
    expect(hidden.original).toBe(key);
    expect(`${String(hidden)} ${inspect(hidden)} ${hidden.id}`).not.toContain('lovelace');
    expect(names.ofKey(versionedKey('account', person)).text).toBe(hidden.text);
  });

  it('needs a secret of 32 bytes, and quotes none', () => {
    expect(() => new HiddenNames('short one')).toThrow(/keySecret.*fewer than 32.*openssl/);
    expect(() => new HiddenNames('short one')).not.toThrow(/short one/);
    expect(inspect(names, { showHidden: true, depth: 9 }) + JSON.stringify(names)).not.toContain(secret);
  });
});

describe('where names are hidden', () => {
  const folder = diskDirectory();
  let store: Store;
  let cache: TieredCache;
  let other: TieredCache;
  const all = recordEvents(
    ...([
      'hit',
      'miss',
      'loadStarted',
      'loadJoined',
      'loadFinished',
      'loadRefused',
      'backfilled',
      'invalidated',
    ] as const),
    ...(['writeGivenUp', 'staleness', 'fault', 'lockAcquired', 'lockReleased', 'lockLost', 'nearCleared'] as const),
  );
  beforeEach(async () => {
    store = diskStore({ directory: folder.path });
    cache = await buildCache({ store, keySecret: secret });
    other = await buildCache({ store: diskStore({ directory: folder.path }), keySecret: secret, name: 'other' });
    all.clear();
  });
  afterEach(async () => {
    await cache.close();
    await other.close();
  });
  afterAll(() => {
    all.stop();
    folder.remove();
  });

  /** All that the cache does with a key and a tag of a person. */
  async function everything(): Promise<unknown[]> {
    const key = accounts({ email: person });
    const said: unknown[] = [];
    await cache.getOrSet(
      key,
      ({ key: asked, tag }) => {
        tag(`late:${person}`);
        return { of: asked.parts[1] };
      },
      { tags: [`user:${person}`] },
    );
    await cache.getOrSet(person, () => 'plain');
    said.push(await cache.lookup(person), await cache.explain(key), await other.lookup(key), cache.storeKey(key));
    await cache.getOrSetMany([`${person}:1`, `${person}:2`], (keys) => keys.map((one) => [one, 'many'] as const), {
      tags: [`user:${person}`],
    });
    await cache.update<string>(person, () => 'updated');
    await cache.expire(person);
    await cache.set(`${person} set`, 1);
    await cache.delete(`${person} set`);
    let finish = (): void => {};
    const slow = new Promise<undefined>((resolve) => (finish = () => resolve(undefined)));
    for (const failing of [
      cache.set(key, { when: new Date() }),
      cache.getOrSet('slow', () => slow, { timeout: { hard: 5 } }),
      cache.getOrSet(`${person} slow`, () => slow, { timeout: { hard: 5 } }),
      cache.getOrSet(`${person} fails`, () => Promise.reject(new Error('down'))),
    ]) {
      said.push(await failing.catch((error: unknown) => error));
    }
    // A load that went on after its cache was closed would renew its lease, and tell the next tests again and again that the store is closed.
    finish();
    await eventually(() => expect(all.of('loadFinished')).toHaveLength(all.of('loadStarted').length));
    const locks = new CacheLock({ store: guarded(store), namespace: 'test', hidden: names });
    const outcome = await locks.acquire(['account', person]);
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    said.push(outcome.lease, JSON.stringify(outcome.lease));
    said.push(await locks.using(['account', person], {}, () => {}).catch((error: unknown) => error));
    const resumed = locks.resume(JSON.stringify(outcome.lease));
    expect(await resumed.release()).toBe('released');
    await outcome.lease.release();
    return said;
  }

  it('values, look-ups and invalidations by key and tag work as ever, between processes too', async () => {
    const key = accounts({ email: person });
    let loads = 0;
    const load = (): Promise<unknown> => other.getOrSet(key, () => ({ load: ++loads }), { tags: [`t:${person}`] });
    expect(await load()).toEqual({ load: 1 });
    expect(await load()).toEqual({ load: 1 });
    expect(await cache.get(key)).toEqual({ load: 1 });
    await cache.invalidateTags(`t:${person}`);
    await eventually(async () => expect(await load()).toEqual({ load: 2 }));
    await cache.delete(key);
    await eventually(async () => expect(await load()).toEqual({ load: 3 }));
    const many = await cache.getOrSetMany([versionedKey('m', person, 1), `m2 ${person}`], (keys) =>
      keys.map((one) => [one, typeof one === 'string' ? one.length : one.parts.length] as const),
    );
    expect(many).toEqual([3, 27]);
    expect(cache.peek(`m2 ${person}`)).toBe(27);
    expect((await cache.getMany([`m2 ${person}`, 'absent'])).map(({ hit }) => hit)).toEqual([true, false]);
  });

  it('nobody is named in the store, in events, in spans, in errors, in what is printed, or in logs', async () => {
    const lines: string[] = [];
    const log = new WarningLog({
      log: (line: string) => lines.push(line),
      warn: (line: string) => lines.push(line),
    });
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => (lines.push(String(chunk)), true));
    const spans = new InMemorySpanExporter();
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] });
    const stopSpans = observeCaches({ tracer: provider.getTracer('test'), meter: false, showKeys: true });
    try {
      const said = await everything();
      for (const one of said) new ConsoleLogger({ colors: false }).log(one);
      reportFault({ source: 'test', kind: 'degraded', message: 'shown', key: cache.nameOf(person) });
      lines.push(
        ...said.map((one) => `${String(one)} ${inspect(one, { depth: 9 })}`),
        JSON.stringify(all.all),
        inspect(all.all, { depth: 9 }),
      );
    } finally {
      write.mockRestore();
      log.stop();
      stopSpans();
    }
    const traced = spans.getFinishedSpans().map((span) => JSON.stringify([span.name, span.attributes, span.events]));
    expect(traced.join('\n')).toContain(`"cache.key":["${names.hide('key', versionedKey(person).text)}"]`);
    lines.push(...traced);
    for await (const storeKey of store.shards[0].keys?.('') ?? []) {
      const [item] = await store.shards[0].readMany([storeKey]);
      lines.push(storeKey, storeKey.includes('~v') ? '' : tagsIn(item?.bytes ?? Buffer.alloc(0)));
    }
    const feed = await store.shards[0].readFeed?.({
      feed: 'test',
      since: { id: 'none', number: 0, offset: 0 },
      watch: 'test~versions',
      maxBehindBytes: 4 * 2 ** 20,
    });
    lines.push(JSON.stringify(feed));
    expect(all.transcript).toEqual(
      expect.arrayContaining(['hit', 'miss', 'loadFinished', 'lockAcquired', 'lockReleased']),
    );
    expect(lines.join('\n')).toContain('~');
    expect(lines.filter((line) => line.includes('lovelace'))).toEqual([]);
  });

  it('the command line finds what the application keeps, by its secret, and names nobody', async () => {
    await cache.set(accounts({ email: person }), { pin: 1 }, { tags: [`user:${person}`] });
    const said: string[] = [];
    const before = process.env['CACHE_KEY_SECRET'];
    const run = (...args: string[]): Promise<number> =>
      runCommand([...args, '--disk', folder.path, '--namespace', 'test', '--package-version', '1.0.0'], {
        out: (text) => void said.push(text),
        err: (text) => void said.push(text),
      });
    try {
      delete process.env['CACHE_KEY_SECRET'];
      expect(await run('get', `account:${person}`)).toBe(1);
      said.splice(0);
      process.env['CACHE_KEY_SECRET'] = secret;
      expect(await run('get', `account:${person}`)).toBe(0);
      expect(await run('explain', `account:${person}`)).toBe(0);
      expect(await run('list')).toBe(0);
      expect(await run('delete', `account:${person}`)).toBe(0);
      expect(await run('get', `account:${person}`)).toBe(1);
    } finally {
      if (before === undefined) delete process.env['CACHE_KEY_SECRET'];
      else process.env['CACHE_KEY_SECRET'] = before;
    }
    expect(said.join('')).toContain('~');
    expect(said.join('')).not.toContain('lovelace');
  });

  it('control: where they are shown, the same things name the person', async () => {
    const shown = await buildCache({ store, namespace: 'shown' });
    await shown.getOrSet(person, () => 1, { tags: [`user:${person}`] });
    expect(JSON.stringify(all.all)).toContain('lovelace');
    await shown.close();
  });

  it('a lock is another one under another secret, or none: two hold it, unless names are hidden alike', async () => {
    const shared = guarded(memoryStore());
    const holders = [names, new HiddenNames(secret), new HiddenNames(`${secret}!`), undefined].map(
      (hidden) => new CacheLock({ store: shared, namespace: 'test', hidden }),
    );
    const outcomes = [];
    for (const holder of holders) outcomes.push(await holder.acquire(['account', person]));
    expect(outcomes.map(({ status }) => status)).toEqual(['acquired', 'held', 'acquired', 'acquired']);
    const leases = outcomes.flatMap((outcome) => (outcome.status === 'acquired' ? [outcome.lease] : []));
    expect(new Set(leases.map(({ resource }) => resource)).size).toBe(3);
    await Promise.all(leases.map((lease) => lease.release()));
  });

  it('a format without a secret stops start-up, and says where it comes from', async () => {
    await expect(buildCache({ keyFormat: 'digest' })).rejects.toThrow(/keySecret.*CACHE_KEY_SECRET.*openssl rand/);
  });
});

/** The bytes of an entry without its value: values are not hidden. */
function tagsIn(bytes: Buffer): string {
  const payload = bytes.indexOf('{"');
  return bytes.toString('latin1', 0, payload < 0 ? bytes.length : payload);
}
