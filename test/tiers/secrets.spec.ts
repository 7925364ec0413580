import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { versionedKey } from '../../src/key/key.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { recordEvents } from '../support/recorded-events.js';
import { buildCache } from '../support/build-cache.js';

const secret = 's3cr3t-p1n-4711';
const value = { pin: secret, list: [secret] };

describe('a secret value', () => {
  let cache: TieredCache;
  let said: string;
  const scope = new RequestScope();
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      said += chunk.toString();
      done();
    },
  });
  const output = new Console({ stdout: sink, stderr: sink });
  const say = (...things: unknown[]): void => {
    output.log(...things);
    output.error('%o %O %j', things[0], things[0], safe(things[0]));
    said += `${format('%s', things[0])} ${inspect(things, { depth: 8, showHidden: true })}`;
    said += `${String(things[0])} ${JSON.stringify(safe(things[0]))}`;
  };
  /** What JSON makes of it, unless it can't. */
  const safe = (thing: unknown): unknown => {
    try {
      return JSON.parse(JSON.stringify(thing) ?? 'null') as unknown;
    } catch {
      return null;
    }
  };
  beforeEach(async () => {
    said = '';
    cache = await buildCache({ store: memoryStore(), scope });
    await cache.set(versionedKey('account', 7), value);
  });
  afterEach(() => cache.close());

  it('V10 is not in look-ups, explanations, keys or the cache itself, however they are printed', async () => {
    await scope.run(async () => {
      const found = await cache.lookup(versionedKey('account', 7));
      if (!found.hit) throw new Error('it was set');
      expect((found.value as typeof value).pin).toBe(secret);
      say(found, { nested: { found } });
      say(await cache.lookup('nothing'));
      say(await cache.explain(versionedKey('account', 7)));
      say(versionedKey('account', 7));
      say(cache);
      say(scope.current());
    });
    expect(said).toContain('account');
    expect(said).not.toContain(secret);
  });

  it('V10 is not in what a Nest logger says of them', async () => {
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => ((said += String(chunk)), true));
    try {
      for (const logger of [new ConsoleLogger({ colors: false }), new ConsoleLogger({ json: true })]) {
        logger.log(await cache.lookup(versionedKey('account', 7)));
        logger.log(`found ${String(await cache.lookup(versionedKey('account', 7)))}`);
        logger.warn({ found: await cache.lookup(versionedKey('account', 7)) });
      }
    } finally {
      write.mockRestore();
    }
    expect(said).toContain('hit');
    expect(said).not.toContain(secret);
  });

  it('V10 is not in events or errors', async () => {
    const events = recordEvents(
      ...(['hit', 'miss', 'loadStarted', 'loadFinished', 'loadRefused', 'backfilled', 'invalidated', 'fault'] as const),
    );
    await cache.getOrSet('a', () => value);
    await cache.getOrSet('a', () => value);
    await cache.update<typeof value>('a', () => value);
    await cache.delete('a');
    await cache.set('stale', value, { ttl: 1, staleFor: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await cache.getOrSet('stale', () => Promise.reject(new Error('down')), { timeout: { soft: 20 } });
    const small = await buildCache({ store: memoryStore({ maxItemBytes: 50 }), namespace: 'small' });
    await small.set('large', { pin: secret.repeat(10) });
    await small.close();
    const errors = await Promise.allSettled([
      cache.set('bad', { pin: secret, when: new Date() }),
      cache.set('bad', { pin: secret, big: 1n }),
      small.set('large', { pin: secret.repeat(10) }, { confirm: true }),
    ]);
    say(events.all);
    for (const outcome of errors) {
      expect(outcome.status).toBe('rejected');
      if (outcome.status === 'rejected') say(outcome.reason);
    }
    events.stop();
    expect(said).toContain('UnencodableValueError');
    expect(said).not.toContain(secret);
  });
});
