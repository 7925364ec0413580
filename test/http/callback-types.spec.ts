import { Controller, Get } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { untilInstant } from '../../src/catalogue/lives/until.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import type { CachedResponseOptions } from '../../src/http/cached-response-options.js';

/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-member-access -- that the compiler accepts callbacks without annotations is what is tested */
@Controller('courses')
class Courses {
  @Get('mine')
  @CachedResponse({ principal: (request) => request.user?.id, tags: (request) => [`org ${request.params.org}`] })
  mine(): string {
    return 'mine';
  }

  @Get('annotated')
  @CachedResponse({ principal: ({ user }: { user?: { id: string } }) => user?.id })
  annotated(): string {
    return 'annotated';
  }
}

describe('The callbacks of @CachedResponse', () => {
  it('are usable without annotations, and checked with them', () => {
    // @ts-expect-error a principal is a text
    const wrong: CachedResponseOptions = { principal: ({ user }: { user: { id: number } }) => user.id };
    // @ts-expect-error an answer has no value that its life could look at
    const endless: CachedResponseOptions = { ttl: untilInstant(({ end }: { end: Date }) => end) };
    expect(endless.ttl).toBeDefined();
    expect([Courses.name, typeof wrong.principal]).toEqual(['Courses', 'function']);
  });
});
