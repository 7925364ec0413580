import { Cache, CACHE_MANAGER, CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Inject, UseInterceptors } from '@nestjs/common';
import type { CallHandler, DynamicModule, ExecutionContext, INestApplication, NestInterceptor } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { map } from 'rxjs';
import { CacheManagerModule } from '../../src/adapter/cache-manager.module.js';
import { structured } from '../../src/codec/structured.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen } from '../support/nest-application.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';

class Address {
  constructor(readonly town: string) {}
}

class User {
  readonly name = 'ada';
  readonly password = 'hunter2';
  readonly born = new Date(0);
  readonly bytes = Buffer.from('a');
  readonly address = new Address('London');
}

/** Hides what users don't let others see, as ClassSerializerInterceptor does where their class says `@Exclude() password`. */
class HidesPasswords implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((body: unknown) => (body instanceof User ? { name: body.name } : body)));
  }
}

@Controller()
class UsersController {
  constructor(@Inject(CACHE_MANAGER) private readonly cache: Cache) {}

  @Get('wrapped')
  wrapped(): Promise<User> {
    return this.cache.wrap('user:1', async () => new User());
  }

  @Get('intercepted')
  @UseInterceptors(CacheInterceptor)
  intercepted(): User {
    return new User();
  }

  @Get('hidden-before')
  @UseInterceptors(CacheInterceptor, HidesPasswords)
  hiddenBefore(): User {
    return new User();
  }
}

let app: INestApplication | undefined;
let events: RecordedEvents;
beforeEach(() => {
  events = recordEvents('fault');
});
afterEach(async () => {
  events.stop();
  await app?.close();
  app = undefined;
});

async function run(imports: DynamicModule[]): Promise<(path: string) => Promise<string>> {
  app = await listen(
    'Express',
    {
      imports,
      controllers: [UsersController],
      providers: [{ provide: APP_INTERCEPTOR, useClass: HidesPasswords }],
    },
    (prepared) => prepared.useLogger(false),
  );
  const url = await app.getUrl();
  return async (path) => (await fetch(`${url}/${path}`)).text();
}

const hidden = '{"name":"ada"}';

describe('What an interceptor hides of the instances of a class', () => {
  it('stays hidden over CacheModule, which keeps the instance itself (−)', async () => {
    const ask = await run([CacheModule.register()]);
    for (const path of ['wrapped', 'wrapped', 'intercepted', 'intercepted']) expect(await ask(path)).toBe(hidden);
    expect(events.all).toEqual([]);
  });

  it.each(['wrapped', 'intercepted'])(
    'goes out of what the drop-in keeps (%s), and a fault names the classes',
    async (path) => {
      const ask = await run([cacheModule(), CacheManagerModule.register()]);
      await eventually(async () => expect(await ask(path)).toContain('hunter2'));
      const messages = events.of('fault').map(({ kind, source, message }) => ({ kind, source, message }));
      expect(messages).toEqual([
        {
          kind: 'degraded',
          source: 'default',
          message: expect.stringMatching(/^Instances of User are kept as plain objects.*@Exclude/),
        },
        { kind: 'degraded', source: 'default', message: expect.stringMatching(/^Instances of Address are kept/) },
      ]);
    },
  );

  it('is not kept where the codec refuses instances', async () => {
    const ask = await run([cacheModule(), CacheManagerModule.register({ codec: structured() })]);
    expect(await ask('intercepted')).toBe(hidden);
    expect(await ask('intercepted')).toBe(hidden);
    expect(await ask('wrapped')).toContain('500');
    expect(events.all).toEqual([]);
  });

  it('stays hidden where the interceptor stands between the cache and the handler', async () => {
    const ask = await run([cacheModule(), CacheManagerModule.register()]);
    const url = await (app as INestApplication).getUrl();
    const from = async () => (await fetch(`${url}/hidden-before`)).headers.get('x-cache');
    await eventually(async () => expect(await from()).toBe('HIT'));
    expect(await ask('hidden-before')).toBe(hidden);
    expect(events.all).toEqual([]);
  });

  it('is no fault where the codec takes instances knowingly', async () => {
    await run([cacheModule(), CacheManagerModule.register({ codec: structured({ instances: 'plain' }) })]);
    const cache = (app as INestApplication).get<Cache>(CACHE_MANAGER);
    await cache.set('user:1', new User());
    expect(await cache.get('user:1')).toMatchObject({ password: 'hunter2' });
    expect(events.all).toEqual([]);
  });

  it('is told of a class once, and never of plain objects, dates, bytes, lists and what has a toJSON of its own', async () => {
    const ask = await run([cacheModule(), CacheManagerModule.register()]);
    const cache = (app as INestApplication).get<Cache>(CACHE_MANAGER);
    const link = new URL('https://example.com/');
    const foreign: unknown = await (await fetch('data:application/json,{"of":"another realm"}')).json();
    const harmless: unknown[] = [
      { a: [1] },
      Object.create(null),
      new Date(0),
      new Uint8Array(2),
      Buffer.from('a'),
      link,
      foreign,
    ];
    for (const value of harmless) {
      await cache.set('plain', { value });
    }
    expect(events.all).toEqual([]);
    await ask('wrapped');
    await cache.set('user:2', [new User(), new User()]);
    expect(events.all).toHaveLength(2);
  });
});
