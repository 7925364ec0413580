import { Controller, Get, Param } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { ask } from '../support/ask.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

interface AsksForCourse {
  readonly params: { readonly slug: string };
}

let runs = 0;

@Controller('courses')
class Courses {
  constructor(private readonly cache: TieredCache) {}

  @Get('inheriting/:slug')
  @CachedResponse({ ttl: '1h', tags: ['pages'], inheritTags: true })
  async inheriting(@Param('slug') slug: string): Promise<object> {
    return { title: await this.title(slug), run: ++runs };
  }

  @Get('apart/:slug')
  @CachedResponse({ ttl: '1h' })
  async apart(@Param('slug') slug: string): Promise<object> {
    return { title: await this.title(slug), run: ++runs };
  }

  @Get('tagged/:slug')
  @CachedResponse({ ttl: '1h', tags: ({ params }: AsksForCourse) => [`course ${params.slug}`] })
  async tagged(@Param('slug') slug: string): Promise<object> {
    return { title: await this.title(slug), run: ++runs };
  }

  private title(slug: string): Promise<string> {
    return this.cache.getOrSet(`title ${slug}`, () => `title of ${slug}`, { ttl: '1h', tags: [`course ${slug}`] });
  }
}

describe.each(platforms)('An answer under @CachedResponse on %s', (platform) => {
  let app: INestApplication;
  beforeEach(async () => {
    runs = 0;
    app = await listen(platform, { imports: [cacheModule()], controllers: [Courses] });
  });
  afterEach(() => app.close());

  /** What is answered before and after this tag is invalidated. */
  async function aroundInvalidation(path: string, tag: string): Promise<unknown[]> {
    const url = `${await app.getUrl()}/courses/${path}`;
    const before = await ask(url);
    expect((await ask(url)).text).toBe(before.text);
    await app.get(TieredCache).invalidateTags(tag);
    return [before, await ask(url)].map(({ text }) => (JSON.parse(text) as { readonly run: number }).run);
  }

  it('is reached by the tags of what it is made of, with inheritTags, and by its own', async () => {
    expect(await aroundInvalidation('inheriting/a', 'course a')).toEqual([1, 2]);
    expect(await aroundInvalidation('inheriting/a', 'pages')).toEqual([2, 3]);
    expect(await aroundInvalidation('inheriting/a', 'course b')).toEqual([3, 3]);
  });

  it('stays what it is without inheritTags', async () => {
    expect(await aroundInvalidation('apart/a', 'course a')).toEqual([1, 1]);
  });

  it('is reached by the tags that are made of its request', async () => {
    expect(await aroundInvalidation('tagged/a', 'course b')).toEqual([1, 1]);
    expect(await aroundInvalidation('tagged/a', 'course a')).toEqual([1, 2]);
  });
});
