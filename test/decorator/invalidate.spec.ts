import { Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { afterCommit, inTransaction } from '../../src/decorator/transaction.js';
import type { AfterCommitHook, AfterCommitWork } from '../../src/decorator/transaction.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Courses {
  readonly prefix = 'course';

  @Invalidate({ keys: function (this: Courses, slug: string) { return `${this.prefix} ${slug}` } }) // prettier-ignore
  async atOnce(_slug: string): Promise<void> {}

  @Invalidate({ keys: (slug: string) => [`course ${slug}`], tags: ['lists'], after: 'commit' })
  async rename(_slug: string, fails = false): Promise<void> {
    if (fails) throw new Error('not renamed');
  }

  @Invalidate({ byResult: (id: number, org: string) => ({ keys: `course ${id}`, tags: [`org ${org}`] }) })
  async create(_org: string): Promise<number> {
    return 7;
  }
}

const never: AfterCommitHook = () => {
  throw new Error('the hook of another cache was asked');
};

describe('@Invalidate', () => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const startWith = async (options: Parameters<typeof cacheModule>[0] = {}) => {
    app = await start({ imports: [cacheModule(options)], providers: [Courses] });
    const cache = app.get(TieredCache);
    await cache.set('course a', 1);
    await cache.set('course 7', 1);
    await cache.set('list', 1, { tags: ['lists'] });
    await cache.set('of org', 1, { tags: ['org acme'] });
    const left = async (): Promise<string[]> => {
      const keys = ['course a', 'course 7', 'list', 'of org'];
      const found = await cache.getMany(keys);
      return keys.filter((_key, at) => found[at]?.hit);
    };
    return { courses: app.get(Courses), cache, left };
  };

  it('is given the arguments, and the instance as this', async () => {
    const { courses, left } = await startWith();
    await courses.atOnce('a');
    expect(await left()).toEqual(['course 7', 'list', 'of org']);
  });

  it('is given the result before the arguments, where keys and tags are only known by it', async () => {
    const { courses, left } = await startWith();
    expect(await courses.create('acme')).toBe(7);
    expect(await left()).toEqual(['course a', 'list']);
  });

  describe('after a commit', () => {
    it('leaves everything in place until the transaction has committed', async () => {
      const { courses, left } = await startWith();
      let during: string[] = [];
      const result = await inTransaction(async () => {
        await courses.rename('a');
        await inTransaction(() => courses.rename('a')); // one inside of another belongs to it
        during = await left();
        return 'committed';
      });
      expect(result).toBe('committed');
      expect(during).toEqual(['course a', 'course 7', 'list', 'of org']);
      expect(await left()).toEqual(['course 7', 'of org']);
    });

    it('invalidates nothing where the transaction was rolled back, or the method failed', async () => {
      const { courses, left } = await startWith();
      const rolledBack = inTransaction(async () => {
        await courses.rename('a');
        throw new Error('rolled back');
      });
      await expect(rolledBack).rejects.toThrow('rolled back');
      await inTransaction(() => courses.rename('a', true).catch(() => undefined));
      expect(await left()).toEqual(['course a', 'course 7', 'list', 'of org']);
    });

    it('is done at once where there is no transaction', async () => {
      const { courses, left } = await startWith();
      await courses.rename('a');
      expect(await left()).toEqual(['course 7', 'of org']);
    });

    it('is handed to the transaction library by the option afterCommit, where a transaction runs', async () => {
      const handed: AfterCommitWork[] = [];
      let isActive = true;
      const { courses, left } = await startWith({
        afterCommit: (work) => isActive && handed.push(work) > 0,
      });
      await courses.rename('a');
      expect([handed.length, await left()]).toEqual([1, ['course a', 'course 7', 'list', 'of org']]);
      await handed[0]?.();
      expect(await left()).toEqual(['course 7', 'of org']);

      isActive = false;
      await app.get(TieredCache).set('course a', 1);
      await courses.rename('a');
      expect([handed.length, await left()]).toEqual([1, ['course 7', 'of org']]);
    });

    it.each<[string, (hook: AfterCommitHook) => TieredCacheOptions[]]>([
      ['its own hook, whichever was imported first', (afterCommit) => [{ name: 'second' }, { afterCommit }]],
      [
        'its own hook before that of another',
        (afterCommit) => [{ name: 'second', afterCommit: never }, { afterCommit }],
      ],
      ['the hook of another, where it was given none', (afterCommit) => [{}, { name: 'second', afterCommit }]],
    ])('asks, of several caches, %s', async (_, optionsWith) => {
      const handed: AfterCommitWork[] = [];
      const options = optionsWith((work) => handed.push(work) > 0);
      app = await start({ imports: options.map(cacheModule), providers: [Courses] });
      const cache = app.get(TieredCache);
      await cache.set('course a', 1);
      await app.get(Courses).rename('a');
      expect([handed.length, await cache.has('course a')]).toEqual([1, true]);
      await handed[0]?.();
      expect(await cache.has('course a')).toBe(false);
    });

    it('is done at once by what a transaction has begun and that outlives it, as by what waits for nobody', async () => {
      const { courses, left } = await startWith();
      let end = (): void => undefined;
      const isOver = new Promise<void>((resolve) => (end = resolve));
      let later: Promise<unknown> = Promise.resolve();
      let another: Promise<unknown> = Promise.resolve();
      await inTransaction(() => {
        later = isOver.then(() => courses.rename('a'));
        another = isOver.then(() => inTransaction(() => afterCommit(() => courses.rename('b'))));
        return Promise.resolve();
      });
      end();
      await Promise.all([later, another]);
      expect(await left()).toEqual(['course 7', 'of org']);
      await expect(another).resolves.toBeUndefined();
    });

    it('is done whatever other work fails, however it does so', async () => {
      const { courses, left } = await startWith();
      const transaction = inTransaction(async () => {
        await afterCommit(() => {
          throw new RangeError('at once');
        });
        await afterCommit(() => Promise.reject(new Error('later')));
        await courses.rename('a');
      });
      await expect(transaction).rejects.toThrow('at once');
      expect(await left()).toEqual(['course 7', 'of org']);
    });

    it('runs other work too, outside of the transaction that named it', async () => {
      const order: string[] = [];
      await inTransaction(async () => {
        await afterCommit(async () => {
          order.push('work');
          await afterCommit(async () => void order.push('more'));
        });
        order.push('commit');
      });
      expect(order).toEqual(['commit', 'work', 'more']);
    });
  });
});
