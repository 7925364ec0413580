import { Controller, Get, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { runDecoratedMethodsDirectly } from '../../src/decorator/direct-calls.js';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { Memoize } from '../../src/decorator/memoize.js';
import { WithLock, heldLease } from '../../src/decorator/with-lock.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Courses {
  loads = 0;

  @Memoize()
  async find(slug: string): Promise<string> {
    return `${slug} ${++this.loads}`;
  }

  @Invalidate({ keys: () => 'a' })
  async rename(title: string): Promise<string> {
    return `${title} ${++this.loads}`;
  }

  @WithLock({ resource: 'courses' })
  async rebuild(): Promise<unknown> {
    return { loads: ++this.loads, lease: heldLease() };
  }

  @WithLock({ resource: 'report' })
  @Memoize()
  async report(): Promise<number> {
    return ++this.loads;
  }
}

@Controller()
class Pages {
  @Get('page')
  @CachedResponse({ principal: 'anyone', query: [] })
  page(): string {
    return 'page';
  }
}

describe('decorated methods that are called directly', () => {
  let end: () => void;
  beforeEach(() => {
    end = runDecoratedMethodsDirectly();
  });
  afterEach(() => end());

  it('run themselves on an instance that no module made, with its this and its arguments', async () => {
    const courses = new Courses();
    expect(await courses.find('a')).toBe('a 1');
    expect(await courses.find('a')).toBe('a 2');
    expect(await courses.rename('b')).toBe('b 3');
    expect(await courses.rebuild()).toEqual({ loads: 4, lease: undefined });
    expect(await courses.report()).toBe(5);
    const method: unknown = Object.getOwnPropertyDescriptor(Courses.prototype, 'find')?.value;
    expect(method).toHaveProperty('name', 'find');
    expect(method).toHaveLength(1);
  });

  it('reject again once that is over, of whoever began it last', async () => {
    const courses = new Courses();
    const endSecond = runDecoratedMethodsDirectly();
    end();
    end();
    expect(await courses.find('a')).toBe('a 1');
    endSecond();
    for (const call of [() => courses.find('a'), () => courses.rename('b'), () => courses.rebuild()])
      await expect(call()).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(courses.loads).toBe(1);
  });

  it('ask neither cache nor lock of an instance that has them, and do so afterwards', async () => {
    const app = await start({ imports: [cacheModule()], providers: [Courses] });
    try {
      const courses = app.get(Courses);
      await app.get(TieredCache).set('a', 'kept');
      expect([await courses.find('a'), await courses.find('a')]).toEqual(['a 1', 'a 2']);
      await courses.rename('b');
      expect(await app.get(TieredCache).get('a')).toBe('kept');
      end();
      expect([await courses.find('a'), await courses.find('a')]).toEqual(['a 4', 'a 4']);
      await courses.rename('b');
      expect(await app.get(TieredCache).get('a')).toBeUndefined();
      expect(await courses.rebuild()).toMatchObject({ lease: { fencingToken: expect.any(Number) } });
    } finally {
      await app.close();
    }
  });

  it('need no more of a testing module than a mocker', async () => {
    const module = await Test.createTestingModule({ providers: [Courses], controllers: [Pages] })
      .useMocker(() => ({}))
      .compile();
    const app = await module.createNestApplication().init();
    expect(await module.get(Courses).find('a')).toBe('a 1');
    expect(module.get(Pages).page()).toBe('page');
    await app.close();
  });

  it('are what a mock that can do nothing asks for, before a method runs', async () => {
    const module = await Test.createTestingModule({ providers: [Courses] })
      .useMocker(() => ({}))
      .compile();
    end();
    const courses = module.get(Courses);
    for (const [call, said] of [
      [() => courses.find('a'), '@Memoize: Courses.find needs getOrSet() of what it was injected with as TieredCache'],
      [() => courses.rename('a'), '@Invalidate: Courses.rename needs deleteMany() of what it was injected with'],
      [() => courses.rebuild(), '@WithLock: Courses.rebuild needs using() of what it was injected with as CacheLock'],
    ] as const) {
      await expect(call()).rejects.toThrow(said);
      await expect(call()).rejects.toThrow('or call runDecoratedMethodsDirectly() in the test');
    }
    expect(courses.loads).toBe(0);
    await module.close();
  });

  it.each(['direct', 'through the mock'])('may share one mock between testing modules: calls %s', async (calls) => {
    const mock = { getOrSet: (_key: unknown, load: () => Promise<unknown>) => load() };
    if (calls !== 'direct') end();
    for (const _test of ['first', 'second']) {
      const module = await Test.createTestingModule({ providers: [Courses] })
        .useMocker(() => mock)
        .compile();
      expect(await module.get(Courses).find('a')).toBe('a 1');
      await module.close();
    }
  });
});
