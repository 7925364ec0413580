import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { runCommand } from '../../src/cli/run-command.js';
import { diskStore } from '../../src/disk.js';
import { memcachedStore } from '../../src/memcached.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

const secret = 'a secret of 32 bytes, or of more';
const otherSecret = 'another secret of 32 bytes, or more';
const life = { ttl: '1h', tags: ['words'] } as const;

let server: MemcachedProcess;
let folder: string;
let shops = 0;
beforeAll(async () => {
  server = await startMemcached();
});
afterAll(() => server.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-wrong-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe.each<[string, () => Store, () => string[]]>([
  ['disk', () => diskStore({ directory: folder }), () => ['--disk', folder]],
  ['memcached', () => memcachedStore({ servers: server.address, ...patience }), () => ['--servers', server.address]],
])('on %s', (_, store, onStore) => {
  const opened: TieredCache[] = [];
  /** A process of the application, without near copies. */
  const application = async (own: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
    const cache = await buildCache({ store: store(), process: false, namespace: shop, ...own });
    opened.push(cache);
    return cache;
  };
  let shop: string;
  const asShop = (): string[] => ['--namespace', shop, '--package-version', '1.0.0'];
  beforeEach(() => {
    shop = `shop${++shops}`;
  });
  afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())));

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const printed = { out: '', err: '' };
    const code = await runCommand([...args, ...onStore()], {
      out: (text) => void (printed.out += text),
      err: (text) => void (printed.err += text),
    });
    return { code, ...printed };
  }

  /** With these variables of the environment alone. */
  async function runWith(variables: Readonly<Record<string, string>>, ...args: string[]): ReturnType<typeof run> {
    const before = ['CACHE_KEY_SECRET', 'CACHE_INTEGRITY_KEYS'].map((name) => [name, process.env[name]] as const);
    for (const [name] of before) delete process.env[name];
    Object.assign(process.env, variables);
    try {
      return await run(...args);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  }

  /** What tells of changes in the store: lists of versions, feeds, and an entry. */
  async function there(): Promise<(string | undefined)[]> {
    const own = store();
    await own.open();
    const [shard] = own.shards;
    const heads = [shop, 'store', 'nestjs-tiered-cache'];
    const keys = [...heads.flatMap((head) => [`${head}~versions`, `${head}~feed`]), `${shop}:1.0.0::greeting`];
    const items = await shard.readMany(keys);
    await own.close();
    return items.map((item) => item?.bytes.toString('latin1'));
  }

  const changes = [
    ['delete', 'greeting'],
    ['invalidate-tags', 'words'],
    ['clear', '--yes'],
  ];
  const namedChanges = changes.slice(0, 2);

  it.each(changes)(
    '%s changes nothing where no process of the namespace has cached anything, and asks for --namespace',
    async (...change) => {
      const cache = await application();
      await cache.set('greeting', 'hello', life);
      const before = await there();
      const byFile = await run(...change);
      expect(byFile).toMatchObject({ code: 1, out: '' });
      expect(byFile.err).toMatch(/^Nothing was changed. No process of the namespace "nestjs-tiered-cache" has cached/);
      expect(byFile.err).toMatch(/comes from \/.*\/package\.json\..*give it with --namespace/);
      const byArgument = await run(...change, '--namespace', 'store', '--package-version', '1.0.0');
      expect(byArgument).toMatchObject({ code: 1, out: '' });
      expect(byArgument.err).toContain('namespace "store"');
      expect(byArgument.err).toContain('comes from --namespace.');
      expect(await cache.get('greeting')).toBe('hello');
      expect(await there()).toEqual(before);

      const right = await run(...change, ...asShop());
      expect(right).toMatchObject({ code: 0, err: '' });
      expect(await (await application()).get('greeting')).toBeUndefined();
    },
  );

  it('a look that found nothing in a namespace makes it none that is cached in', async () => {
    const cache = await application();
    await cache.set('greeting', 'hello', life);
    for (const look of [['get', 'greeting'], ['explain', 'greeting'], ['list']]) {
      expect((await run(...look)).err).toContain('give it with --namespace');
      expect((await run(...look, ...asShop())).err).toBe('');
    }
    expect((await run('clear', '--yes')).code).toBe(1);
  });

  it.each(changes)('%s says what it worked on', async (...change) => {
    const cache = await application({ versionStamp: '7' });
    await cache.set('greeting', 'hello', life);
    const { out } = await run(...change, ...asShop());
    const [, ...facts] = out.trimEnd().split('\n');
    expect(facts.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['namespace', `${shop} (from --namespace)`],
      ['version', '1.0.0'],
      ['versionsThere', `${shop}:1.0.0:7:`],
      ['store', onStore()[0] === '--disk' ? `disk ${folder}` : `memcached ${server.address}`],
    ]);
  });

  it.each(changes)('%s reaches every version that is listed, and not only its own', async (...change) => {
    const cache = await application({ packageVersion: '2.0.0' });
    await cache.set('greeting', 'hello', life);
    const { code, out } = await run(...change, ...asShop());
    expect(code).toBe(0);
    if (change[0] === 'delete') expect(out).toContain(`${shop}:2.0.0::greeting: gone`);
    expect(await (await application({ packageVersion: '2.0.0' })).get('greeting')).toBeUndefined();
  });

  it('a look for another version names those that are there, also once a change was made in it', async () => {
    const cache = await application({ packageVersion: '2.0.0' });
    await cache.set('greeting', 'hello', life);
    const told = `begin their keys with ${shop}:2.0.0::;`;
    expect((await run('get', 'greeting', ...asShop())).err).toContain(told);
    expect((await run('delete', 'other', ...asShop())).code).toBe(1);
    for (const look of [['get', 'greeting'], ['explain', 'greeting'], ['list']]) {
      expect((await run(...look, ...asShop())).err).toContain(told);
    }
  });

  it.each([
    ['hidden', secret, {}, 'hidden with a secret. Give its keySecret in CACHE_KEY_SECRET.'],
    ['hidden with another secret', secret, { CACHE_KEY_SECRET: otherSecret }, 'hidden with another secret.'],
    ['shown', undefined, { CACHE_KEY_SECRET: otherSecret }, 'not hidden. Unset CACHE_KEY_SECRET.'],
  ])('what names a key or a tag changes nothing where names are %s', async (_names, keySecret, variables, remedy) => {
    const cache = await application(keySecret === undefined ? {} : { keySecret });
    await cache.set('greeting', 'hello', life);
    await cache.set('other', 'kept', life);
    const before = await there();
    for (const change of namedChanges) {
      const refused = await runWith(variables, ...change, ...asShop());
      expect(refused).toMatchObject({ code: 1, out: '' });
      expect(refused.err).toMatch(/^Nothing was changed\. /);
      expect(refused.err).toContain(remedy);
    }
    expect((await runWith(variables, 'get', 'greeting', ...asShop())).err).toContain(remedy);
    expect(await there()).toEqual(before);
    expect(await cache.getMany(['greeting', 'other'])).toMatchObject([{ hit: true }, { hit: true }]);

    const own = keySecret === undefined ? {} : { CACHE_KEY_SECRET: keySecret };
    expect(await runWith(own, 'delete', 'greeting', ...asShop())).toMatchObject({ code: 0, err: '' });
    const later = await application(keySecret === undefined ? {} : { keySecret });
    expect(await later.getMany(['greeting', 'other'])).toMatchObject([{ hit: false }, { hit: true }]);
    expect((await runWith(variables, 'clear', '--yes', ...asShop())).code).toBe(0);
    expect(await (await application(keySecret === undefined ? {} : { keySecret })).get('other')).toBeUndefined();
  });

  it.each(namedChanges)(
    '%s goes on, and says so, where names were hidden with another secret before',
    async (...change) => {
      const before = await application({ keySecret: otherSecret });
      await before.set('greeting', 'hello', life);
      await before.close();
      const now = await application({ keySecret: secret });
      await now.set('greeting', 'hello', life);
      await now.set('other', 'kept', { ttl: '1h' });
      const { code, out, err } = await runWith({ CACHE_KEY_SECRET: secret }, ...change, ...asShop());
      expect([code, out]).toEqual([0, expect.stringContaining('every process was told')]);
      expect(err).toMatch(/^Other versions there name their keys in another way/);
      const later = await application({ keySecret: secret });
      expect(await later.getMany(['greeting', 'other'])).toMatchObject([{ hit: false }, { hit: true }]);
      expect(await (await application({ keySecret: otherSecret })).get('greeting')).toBeUndefined();
    },
  );

  it('a look and clear reach names that are hidden and others that are not', async () => {
    const hidden = await application({ keySecret: secret });
    await hidden.set('greeting', 'hello', life);
    const shown = await application();
    await shown.set('greeting', 'hello', life);
    expect((await runWith({}, 'get', 'other', ...asShop())).err).toContain(
      'CACHE_KEY_SECRET.\nEntries under the names that are computed here are there as well: clear reaches both.',
    );
    expect(await shown.get('greeting')).toBe('hello');
    expect((await runWith({}, 'clear', '--yes', ...asShop())).code).toBe(0);
    for (const own of [{}, { keySecret: secret }]) {
      expect(await (await application(own)).get('greeting')).toBeUndefined();
    }
  });

  it.each(changes)('%s changes nothing where the application signs with other keys', async (...change) => {
    const integrity = { keys: [{ id: 'a', secret: 's'.repeat(32) }] };
    const cache = await application({ integrity });
    await cache.set('greeting', 'hello', life);
    const before = await there();
    for (const variables of [{}, { CACHE_INTEGRITY_KEYS: `b:${'t'.repeat(32)}` }]) {
      const refused = await runWith(variables, ...change, ...asShop());
      expect(refused).toMatchObject({ code: 1, out: '' });
      expect(refused.err).toContain('CACHE_INTEGRITY_KEYS');
    }
    expect(await there()).toEqual(before);
    expect(await cache.get('greeting')).toBe('hello');
    const own = { CACHE_INTEGRITY_KEYS: `a:${'s'.repeat(32)}` };
    expect(await runWith(own, ...change, ...asShop())).toMatchObject({ code: 0, err: '' });
    expect(await (await application({ integrity })).get('greeting')).toBeUndefined();
  });
});

describe('on memcached of which a part is away', () => {
  const away = '127.0.0.1:1';

  it('says what it could not ask', async () => {
    const run = async (servers: string): Promise<{ code: number; said: string }> => {
      const said: string[] = [];
      const print = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) };
      const code = await runCommand(
        ['clear', '--yes', '--servers', servers, '--namespace', 'nobody', '--package-version', '1.0.0'],
        print,
      );
      return { code, said: said.join('') };
    };
    const some = await run(`${server.address},${away}`);
    expect(some.code).toBe(1);
    expect(some.said).toContain(`has cached anything there. Not reached: memcached ${away}: `);
    const none = await run(away);
    expect(none.code).toBe(1);
    expect(none.said).toContain(`Nothing was changed. memcached ${away}: no connection: ECONNREFUSED. `);
  });
});
