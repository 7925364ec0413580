import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { INestApplication, Type } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RequestScope, TieredCache, TieredCacheModule, memoryStore } from '../../src/index.js';

@Injectable()
class Courses {
  loads = 0;
  constructor(
    private readonly cache: TieredCache,
    readonly scope: RequestScope,
  ) {}

  async read(slug: string): Promise<{ tiers: string[]; value: unknown }> {
    const value = await this.cache.getOrSet(slug, () => ({ slug, load: ++this.loads }));
    const found = await this.cache.lookup(slug);
    return { tiers: [found.hit ? found.tier : found.reason], value };
  }
}

@Controller()
class CoursesController {
  constructor(private readonly courses: Courses) {}

  @Get('courses/a')
  async read() {
    return { ...(await this.courses.read('a')), active: this.courses.scope.active };
  }
}

function applicationModule(): Type {
  @Module({
    imports: [
      TieredCacheModule.forRoot({
        stores: memoryStore(),
        namespace: 'http-spec',
        packageVersion: '1',
        mayForceMiss: (request: { headers: Record<string, string> }) => request.headers['x-staff'] === 'yes',
      }),
      TieredCacheModule.forRoot({ name: 'second', stores: false, namespace: 'http-spec', packageVersion: '1' }),
    ],
    controllers: [CoursesController],
    providers: [Courses],
  })
  class AppModule {}
  return AppModule;
}

const adapters = {
  Express: (builder: ReturnType<typeof Test.createTestingModule>) =>
    builder.compile().then((module) => module.createNestApplication()),
  Fastify: (builder: ReturnType<typeof Test.createTestingModule>) =>
    builder.compile().then((module) => module.createNestApplication(new FastifyAdapter() as never)),
};

describe.each(Object.entries(adapters))('TieredCacheModule on %s', (_name, create) => {
  let app: INestApplication;
  afterEach(() => app.close());

  it('opens a scope per request, and answers the second request from the process tier', async () => {
    app = await create(Test.createTestingModule({ imports: [applicationModule()] }));
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/courses/a`;
    const read = async (suffix = '', headers = {}) => (await fetch(url + suffix, { headers })).json();
    expect(await read()).toEqual({ active: true, tiers: ['request'], value: { slug: 'a', load: 1 } });
    expect(await read()).toEqual({ active: true, tiers: ['request'], value: { slug: 'a', load: 1 } });
    expect(await read('?force_cache_miss=TRUE')).toMatchObject({ value: { load: 1 } });
    expect(await read('?force_cache_miss=TRUE', { 'x-staff': 'yes' })).toMatchObject({ value: { load: 2 } });
    expect(await read()).toMatchObject({ value: { load: 2 } });
  });
});
