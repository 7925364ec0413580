// @CachedResponse: one run of the handler, an ETag, 304 for who has it, and a new answer after an invalidation.
import assert from 'node:assert/strict';
import { Controller, Get, Param, Query } from '@nestjs/common';
import { CachedResponse, TieredCache } from 'nestjs-tiered-cache';
import { inMemory, withApplication } from '../application.js';

let runs = 0;

@Controller('courses')
class CoursesController {
  @Get(':slug')
  @CachedResponse({ ttl: '5m', query: ['page'], tags: ['courses'] })
  course(@Param('slug') slug: string, @Query('page') page?: string) {
    return { slug, page, run: ++runs };
  }
}

export async function cachedResponse(): Promise<void> {
  await withApplication({ imports: [inMemory()], controllers: [CoursesController] }, async (ask, app) => {
    const first = await ask('/courses/cs50?page=1&utm=x');
    assert.deepEqual([first.status, first.text], [200, '{"slug":"cs50","page":"1","run":1}']);
    assert.match(first.headers.get('cache-control') ?? '', /max-age=/);
    const etag = first.headers.get('etag') ?? 'none';
    const second = await ask('/courses/cs50?page=1&utm=y');
    assert.deepEqual([second.text, second.headers.get('etag')], [first.text, etag]);
    const third = await ask('/courses/cs50?page=1', { 'if-none-match': etag });
    assert.deepEqual([third.status, third.text], [304, '']);
    assert.equal((await ask('/courses/cs50?page=2')).text, '{"slug":"cs50","page":"2","run":2}');

    await app.get(TieredCache).invalidateTags('courses');
    const fourth = await ask('/courses/cs50?page=1', { 'if-none-match': etag });
    assert.deepEqual([fourth.status, fourth.text], [200, '{"slug":"cs50","page":"1","run":3}']);
  });
}
