import { Controller, Injectable, Optional, Scope } from '@nestjs/common';
import type { INestApplication, Provider, Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Keyv } from 'keyv';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import { InjectCacheLock } from '../../src/decorator/inject-cache.js';
import { WithLock } from '../../src/decorator/with-lock.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Accounts {
  @WithLock({ resource: 'account' })
  async debit(): Promise<string> {
    return 'debited';
  }
}

@Injectable()
class Reports {
  constructor(readonly locks: CacheLock) {}
}

@Injectable()
class Carts {
  constructor(@Optional() readonly locks?: CacheLock) {}
  @Optional()
  @InjectCacheLock()
  readonly others?: CacheLock;
}

@Injectable({ scope: Scope.REQUEST })
class Baskets {
  constructor(readonly locks: CacheLock) {}
}

@Controller('sales')
class Sales {
  @WithLock({ resource: 'sale', cache: 'sessions' })
  async sell(): Promise<void> {}
}

const keyv = (): TieredCacheOptions => ({ stores: keyvStore(new Keyv()) });

describe('An application whose store can hold no locks', () => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it.each<[string, Provider, string]>([
    ['by @WithLock', Accounts, 'Accounts'],
    ['by a constructor', Reports, 'Reports'],
    ['for each request', Baskets, 'Baskets'],
    ['by a factory', { provide: 'REPORTS', inject: [CacheLock], useFactory: (locks: unknown) => [locks] }, 'REPORTS'],
  ])('does not start where somebody asks for locks %s', async (_, provider, asking) => {
    const starting = start({ imports: [cacheModule(keyv())], providers: [provider] });
    await expect(starting).rejects.toThrow(
      `lock.store: the keyv store has no atomic operations, and ${asking} asks for CacheLock. Use memcached, Redis, disk or memory.`,
    );
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'lock.store' });
  });

  it('says which cache it is where there are several', async () => {
    const imports = [cacheModule(), cacheModule({ name: 'sessions', ...keyv() })];
    await expect(start({ imports, controllers: [Sales] })).rejects.toThrow('Sales asks for CacheLock(sessions)');
  });

  it('says so of a store whose list of servers may change, and of none at all', async () => {
    const stores = memcachedStore({ servers: 'dns://127.0.0.1:1' });
    await expect(start({ imports: [cacheModule({ stores })], providers: [Accounts] })).rejects.toThrow(
      /^lock\.store: the list of the memcached store's servers may change, .* Accounts asks for CacheLock\. Give locks a store of their own/,
    );
    await expect(start({ imports: [cacheModule({ stores: false })], providers: [Accounts] })).rejects.toThrow(
      /^lock\.store: there is no store below the process tier, and Accounts asks for CacheLock\. Give locks a store of their own/,
    );
  });

  it.each<[string, TieredCacheOptions['lock']]>([
    ['ttl', { ttl: '10s' }],
    ['reach', { reach: 'fleet' }],
  ])('does not start where there is none at all and the options say how locks are to be: %s', async (_, lock) => {
    const starting = start({ imports: [cacheModule({ stores: false, lock: lock as never })] });
    await expect(starting).rejects.toThrow('lock.store: there is no store below the process tier. Give locks a store');
  });

  it.each<[string, Type[], TieredCacheOptions]>([
    ['nobody asks for locks', [], keyv()],
    ['whoever asks can go without', [Carts], keyv()],
    ['locks have a store of their own', [Accounts, Reports], { ...keyv(), lock: { store: memoryStore() } }],
  ])('starts where %s', async (_, providers, options) => {
    app = await start({ imports: [cacheModule(options)], providers });
    if (providers.includes(Accounts)) expect(await app.get(Accounts).debit()).toBe('debited');
    if (providers.includes(Carts)) expect({ ...app.get(Carts) }).toEqual({});
  });

  it('says so at the call of what is made later', async () => {
    app = await start({ imports: [cacheModule(keyv())] });
    const accounts = await app.get(ModuleRef).create(Accounts);
    await expect(accounts.debit()).rejects.toThrow(/lock\.store/);
  });
});
