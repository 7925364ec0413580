import { Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { from } from 'rxjs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Memoize } from '../../src/decorator/memoize.js';
import { memoized } from '../../src/decorator/memoized.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Courses {
  readonly ran: string[] = [];

  @Memoize()
  async find(slug: string): Promise<string> {
    this.ran.push(`base ${slug}`);
    return `course ${slug}`;
  }

  @Memoize()
  async stream(_slug: string): Promise<unknown> {
    return undefined;
  }
}

@Injectable()
class Translated extends Courses {
  @Memoize()
  override async find(slug: string): Promise<string> {
    this.ran.push(`override ${slug}`);
    return `translated ${await super.find(slug)}, beside ${await super.find('other')}`;
  }
}

@Injectable()
class Plain extends Courses {
  override async find(slug: string): Promise<string> {
    this.ran.push(`plain ${slug}`);
    return `plain ${await super.find(slug)}`;
  }
}

describe('An override of a memoized method', () => {
  let app: INestApplication;
  afterEach(() => app?.close());
  const made = async <T extends object>(provider: new () => T): Promise<T> => {
    app = await start({ imports: [cacheModule()], providers: [provider] });
    return app.get(provider);
  };

  it('may call a memoized super, which is a part of its load', async () => {
    const courses = await made(Translated);
    const answer = 'translated course a, beside course other';
    expect([await courses.find('a'), await courses.find('a')]).toEqual([answer, answer]);
    expect(courses.ran).toEqual(['override a', 'base a', 'base other']);
  });

  it('is loaded anew as a whole, and what super answered stands for nothing else', async () => {
    const courses = await made(Translated);
    await courses.find('a');
    await memoized(courses, 'find').invalidate('a');
    await courses.find('a');
    expect(courses.ran.filter((one) => one === 'base a')).toHaveLength(2);
    expect(await courses.find('other')).toBe('translated course other, beside course other');
  });

  it('runs at each call where it is not memoized itself, with super answered from the cache', async () => {
    const courses = await made(Plain);
    expect([await courses.find('a'), await courses.find('a')]).toEqual(['plain course a', 'plain course a']);
    expect(courses.ran).toEqual(['plain a', 'base a', 'plain a']);
  });
});

/** As compilers write generators for targets that have none, and as Observables are returned by who forgot to collect them. */
describe('A method that answers in pieces', () => {
  let app: INestApplication;
  afterEach(() => app?.close());

  it.each([
    ['an async iterable', async function* () {}],
    ['an Observable', () => from([1, 2])],
  ])('is told so at the call: %s', async (_name, pieces) => {
    @Injectable()
    class Streams {
      @Memoize()
      find(): Promise<unknown> {
        return pieces() as never;
      }
    }
    app = await start({ imports: [cacheModule()], providers: [Streams] });
    await expect(app.get(Streams).find()).rejects.toThrow('Streams.find returned a stream. What comes in pieces');
  });
});
