import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { afterCommit, inTransaction } from '../../src/decorator/transaction.js';
import type { AfterCommitHook, AfterCommitWork } from '../../src/decorator/transaction.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { WithLock, heldLease } from '../../src/decorator/with-lock.js';
import { WithRequestScope } from '../../src/decorator/with-request-scope.js';
import { versionedKey } from '../../src/key/key.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard } from '../../src/store/store.js';
import { InvalidKeyError, InvalidOptionError, StoreUnavailableError } from '../../src/value/errors.js';
import { recordEvents } from '../support/recorded-events.js';
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

/** What no tag, and what no key, is made of. */
const [longTag, brokenKey] = ['x'.repeat(201), 'half \ud800'];

@Injectable()
class Orgs {
  @Invalidate({
    keys: (name: string) => [name, 'course a'],
    tags: (name: string) => ['lists', name],
    byResult: (_: unknown, name: string) => ({ keys: ['course 7', name], tags: [name, 'org acme'] }),
  })
  async rename(_name: string): Promise<void> {}

  @Invalidate({ keys: (name: string) => versionedKey('course', name), tags: ['lists'] })
  async renameByKey(_name: string): Promise<void> {}

  @Invalidate({ keys: (name: string) => [name, 'course a'], tags: (name: string) => [name, 'lists'], after: 'commit' })
  async renameInTransaction(_name: string): Promise<void> {}
}

@Injectable()
class Lists {
  @Invalidate({ keys: (_tag: string) => versionedKey('course a'), tags: (tag: string) => tag as never })
  async change(_tag: string): Promise<void> {}
}

@Injectable()
class Stacked {
  readonly ran: string[] = [];

  @Invalidate({ keys: () => ['course a'], tags: ['lists'], byResult: () => ({ keys: 'course 7' }) })
  @WithLock({ resource: 'stacked' })
  async losesItsLock(lose: () => Promise<unknown>): Promise<void> {
    this.ran.push('losesItsLock');
    await lose();
  }

  @Invalidate({ keys: () => ['course a'], byResult: (tag: string) => ({ tags: [tag] }) })
  async callsOneThatFindsItsLockLost(take: () => Promise<unknown>): Promise<string> {
    await this.findsItsLockLost(take);
    return 'lists';
  }

  @Invalidate({ byResult: (id: number) => ({ keys: `course ${id}` }) })
  @Invalidate({ tags: ['lists'] })
  @WithLock({ resource: 'stacked' })
  async findsItsLockLost(take: () => Promise<unknown>): Promise<number> {
    await take();
    return 7;
  }

  @Invalidate({ keys: () => ['course a'] })
  @Invalidate({ tags: ['lists'], keys: () => [brokenKey] })
  async overABadName(): Promise<void> {
    this.ran.push('overABadName');
  }

  @Invalidate({ keys: () => ['course a'] })
  async imports(): Promise<Readable> {
    return Readable.from(['rows']);
  }

  @Invalidate({ keys: () => ['course a'] })
  reads(): Promise<unknown> {
    return Readable.from(['rows']) as never;
  }
}

/** A decorator of somebody else, that keeps nothing of the method but what it does. */
const foreign = (): MethodDecorator => (_target, _method, descriptor) => {
  const original = descriptor.value as (...args: unknown[]) => Promise<unknown>;
  const wrapper = async function (this: object, ...args: unknown[]): Promise<unknown> {
    try {
      return await original.apply(this, args);
    } catch (cause) {
      throw new Error('It was wrapped.', { cause });
    }
  };
  descriptor.value = wrapper as never;
};

type Take = () => Promise<unknown>;

/** The release of the lock `stacked` finds it lost: the method has returned by then. */
@Injectable()
class Rows {
  @Invalidate({ byResult: (id: number) => ({ keys: `course ${id}` }) })
  @Invalidate({ keys: (id: number) => `list ${id}`, confirm: true })
  async create(id: number): Promise<number> {
    return id;
  }

  @Invalidate({ byResult: (id: number) => ({ keys: `course ${id}` }) })
  @WithRequestScope()
  @WithLock({ resource: 'stacked' })
  async inScope(take: Take): Promise<number> {
    await take();
    return 7;
  }

  @Invalidate({ byResult: (id: number) => ({ keys: `course ${id}` }) })
  @WithLock({ resource: 'outer' })
  @WithLock({ resource: 'stacked' })
  async underTwoLocks(take: Take): Promise<number> {
    await take();
    return 7;
  }

  @Invalidate({ byResult: (id: number) => ({ keys: `course ${id}` }) })
  @foreign()
  @WithLock({ resource: 'stacked' })
  async underAnother(take: Take): Promise<number> {
    await take();
    return 7;
  }

  @Invalidate({ byResult: (id: number) => ({ keys: `course ${id}` }) })
  @foreign()
  @Invalidate({ tags: ['lists'] })
  @WithRequestScope()
  @WithLock({ resource: 'stacked' })
  async underMany(take: Take): Promise<number> {
    await take();
    return 7;
  }

  @Invalidate({ byResult: (_: unknown, key: string) => ({ keys: key }) })
  @Invalidate({ keys: (key: string) => `list of ${key}` })
  @WithLock({ resource: (key: string) => (key === 'course a' ? 'outer' : 'stacked') })
  async callsItself(key: string, take: Take): Promise<number> {
    if (key === 'course a') await this.callsItself('course 7', take);
    else await take();
    return 7;
  }
}

describe('@Invalidate', () => {
  let app: INestApplication;
  afterEach(() => app?.close());

  const startWith = async (options: Parameters<typeof cacheModule>[0] = {}) => {
    app = await start({ imports: [cacheModule(options)], providers: [Courses, Orgs, Lists, Stacked, Rows] });
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

  it('takes a key that is alone, and a text for tags, as one name', async () => {
    const { cache, left } = await startWith();
    await cache.set('other', 1, { tags: ['l'] });
    await app.get(Lists).change('lists');
    expect(await left()).toEqual(['course 7', 'of org']);
    expect(await cache.get('other')).toBe(1);
  });

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

  it.each([
    ['tag', longTag, 'a tag is not a text of 1 to 200 characters'],
    ['text', brokenKey, 'surrogate'],
    ['key', 'x'.repeat(8_193), 'more than 8192'],
  ])('tells its caller of a name that is no %s, and invalidates all others', async (_, name, message) => {
    const { left } = await startWith();
    await expect(app.get(Orgs).rename(name)).rejects.toThrow(message);
    expect(await left()).toEqual([]);
  });

  it('tells its caller of a key that can’t be made, and invalidates the tags', async () => {
    const { left } = await startWith();
    await expect(app.get(Orgs).renameByKey(brokenKey)).rejects.toThrow(InvalidKeyError);
    expect(await left()).toEqual(['course a', 'course 7', 'of org']);
  });

  it('takes away what it names where the lock of a decorator below was lost while the method ran', async () => {
    const store = memoryStore();
    const { left } = await startWith({ stores: store });
    const taken = async (): Promise<void> => {
      await store.shards[0].remove('test~lock:stacked');
      await heldLease()?.renew();
    };
    await expect(app.get(Stacked).losesItsLock(taken)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await left()).toEqual(['of org']);
  });

  it('takes away what the result names where only the release finds the lock lost', async () => {
    const store = memoryStore();
    const { left } = await startWith({ stores: store });
    const take = async (): Promise<unknown> => store.shards[0].remove('test~lock:stacked');
    await expect(app.get(Stacked).findsItsLockLost(take)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await left()).toEqual(['course a', 'of org']);
    await expect(app.get(Stacked).callsOneThatFindsItsLockLost(take)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await left()).toEqual(['of org']);
  });

  it.each(['inScope', 'underTwoLocks', 'underAnother', 'underMany'] as const)(
    'takes away what the result names whatever stands between it and the lost lock: %s',
    async (method) => {
      const store = memoryStore();
      const { left } = await startWith({ stores: store });
      const take = async (): Promise<unknown> => store.shards[0].remove('test~lock:stacked');
      await expect(app.get(Rows)[method](take)).rejects.toThrow();
      expect(await left()).toEqual(method === 'underMany' ? ['course a', 'of org'] : ['course a', 'list', 'of org']);
    },
  );

  it('takes nothing away that a call inside of the method has returned, also one of the same method', async () => {
    const store = memoryStore();
    const { left } = await startWith({ stores: store });
    const take = async (): Promise<unknown> => store.shards[0].remove('test~lock:stacked');
    await expect(app.get(Rows).callsItself('course a', take)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await left()).toEqual(['course a', 'list', 'of org']);
  });

  it('of calls that fail with one error each takes away what its own result names', async () => {
    const store = memoryStore();
    const { cache, left } = await startWith({ stores: store });
    const ids = [1, 2, 3];
    for (const id of ids) await cache.set(`course ${id}`, 'old');
    const [shard] = store.shards;
    const invalidate = shard.invalidate?.bind(shard) as Required<Shard>['invalidate'];
    shard.invalidate = () => {
      shard.invalidate = invalidate;
      return Promise.reject(new StoreUnavailableError('test', 'it does not answer'));
    };
    const ended = await Promise.allSettled(ids.map((id) => app.get(Rows).create(id)));
    const errors = ended.map((one) => one.status === 'rejected' && (one.reason as unknown));
    expect([errors[0], new Set(errors).size]).toEqual([expect.any(StoreUnavailableError), 1]);
    const found = await cache.getMany(ids.map((id) => `course ${id}`));
    expect(found.map(({ hit }) => hit)).toEqual([false, false, false]);
    expect(await left()).toContain('course a');
  });

  it('takes away what it names where an @Invalidate below rejects although the method has run', async () => {
    const { left } = await startWith();
    await expect(app.get(Stacked).overABadName()).rejects.toThrow('surrogate');
    expect(app.get(Stacked).ran).toEqual(['overABadName']);
    expect(await left()).toEqual(['course 7', 'of org']);
  });

  it('hands on a stream that a promise brings', async () => {
    const { left } = await startWith();
    expect(await app.get(Stacked).imports()).toBeInstanceOf(Readable);
    expect(await left()).not.toContain('course a');
  });

  it('refuses a stream that is returned as it is, after what it names has gone', async () => {
    const { left } = await startWith();
    await expect(app.get(Stacked).reads()).rejects.toThrow('returned a stream');
    expect(await left()).not.toContain('course a');
  });

  describe('after a commit', () => {
    it.each([
      ['tag', longTag],
      ['key', brokenKey],
    ])('tells its caller of a bad %s before the commit, and hands over all others', async (_, name) => {
      const handed: AfterCommitWork[] = [];
      const { left } = await startWith({ afterCommit: (work) => handed.push(work) > 0 });
      await expect(app.get(Orgs).renameInTransaction(name)).rejects.toThrow();
      expect([handed.length, await left()]).toEqual([1, ['course a', 'course 7', 'list', 'of org']]);
      await handed[0]?.();
      expect(await left()).toEqual(['course 7', 'of org']);
    });

    it('never rejects where it was handed over: a store that refuses it is reported', async () => {
      const handed: AfterCommitWork[] = [];
      const store = memoryStore();
      const { courses } = await startWith({ stores: store, afterCommit: (work) => handed.push(work) > 0 });
      await courses.rename('a');
      const cause = new InvalidOptionError('store', 'it refuses', 'Mend it.');
      store.shards[0].invalidate = () => Promise.reject(cause);
      const events = recordEvents('fault');
      await expect(handed[0]?.()).resolves.toBeUndefined();
      events.stop();
      const fault = { source: 'default', kind: 'write-unacknowledged', cause };
      expect(events.of('fault')).toContainEqual(expect.objectContaining(fault));
    });

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

    it('is done also where the transaction around one that has resolved is rolled back: that one may have committed by itself', async () => {
      const store = memoryStore();
      const { courses, left } = await startWith({ stores: store });
      const others: string[] = [];
      const nested = (inner: () => Promise<void>) =>
        inTransaction(async () => {
          await inTransaction(async () => {
            await courses.rename('a');
            await afterCommit(async () => void others.push('a message')); // no entry, which could be loaded once more
            await inner();
          }).catch(() => undefined);
          throw new Error('rolled back');
        });
      const both = nested(() => Promise.reject(new Error('rolled back to a savepoint')));
      await expect(both).rejects.toThrow('rolled back');
      expect(await left()).toEqual(['course a', 'course 7', 'list', 'of org']);
      await expect(nested(async () => {})).rejects.toThrow('rolled back');
      expect([others, await left()]).toEqual([[], ['course 7', 'of org']]);
      const cause = new InvalidOptionError('store', 'it refuses', 'Mend it.');
      store.shards[0].invalidate = () => Promise.reject(cause);
      const events = recordEvents('fault');
      await expect(nested(async () => {})).rejects.toThrow('rolled back');
      events.stop();
      expect(events.of('fault')).toContainEqual(expect.objectContaining({ kind: 'write-unacknowledged', cause }));
    });

    it('does no work of a transaction that was rolled back where the one around it commits, and invalidates what was named in it', async () => {
      const { courses, left } = await startWith();
      const others: string[] = [];
      await inTransaction(async () => {
        await afterCommit(async () => void others.push('outer'));
        const rolledBack = inTransaction(async () => {
          await courses.rename('a');
          await afterCommit(async () => void others.push('inner'));
          await inTransaction(() => afterCommit(async () => void others.push('innermost')));
          throw new Error('rolled back to a savepoint');
        });
        await expect(rolledBack).rejects.toThrow('rolled back');
        expect([others, await left()]).toEqual([[], ['course a', 'course 7', 'list', 'of org']]);
      });
      expect([others, await left()]).toEqual([['outer'], ['course 7', 'of org']]);
    });

    it('waits for a transaction that outlives the one around it', async () => {
      const { courses, left } = await startWith();
      let [end, commit] = [(): void => undefined, (): void => undefined];
      const isOver = new Promise<void>((resolve) => (end = resolve));
      const commits = new Promise<void>((resolve) => (commit = resolve));
      let tellNamed = (): void => undefined;
      const isNamed = new Promise<void>((resolve) => (tellNamed = resolve));
      let inner: Promise<unknown> = Promise.resolve();
      await inTransaction(() => {
        inner = inTransaction(async () => {
          await isOver;
          await courses.rename('a');
          tellNamed();
          await commits;
        });
        return Promise.resolve();
      });
      end();
      await isNamed;
      expect(await left()).toEqual(['course a', 'course 7', 'list', 'of org']);
      commit();
      await inner;
      expect(await left()).toEqual(['course 7', 'of org']);
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

    it('waits for inTransaction alone where that runs: no hook is asked, which may tell of a savepoint', async () => {
      const { courses, left } = await startWith({ afterCommit: never });
      const others: string[] = [];
      await inTransaction(async () => {
        await courses.rename('a');
        await afterCommit(async () => void others.push('a message'), never);
        expect([others, await left()]).toEqual([[], ['course a', 'course 7', 'list', 'of org']]);
      });
      expect([others, await left()]).toEqual([['a message'], ['course 7', 'of org']]);
    });

    it('hands work of the application to the hook that afterCommit is given', async () => {
      const handed: AfterCommitWork[] = [];
      const work = (): Promise<void> => Promise.resolve();
      await afterCommit(work, (given) => handed.push(given) > 0);
      expect(handed).toEqual([work]);
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

    it('is done at once where the hook throws, which the caller is told', async () => {
      const { courses, left } = await startWith({
        afterCommit: () => {
          throw new RangeError('no transaction');
        },
      });
      await expect(courses.rename('a')).rejects.toThrow('no transaction');
      expect(await left()).toEqual(['course 7', 'of org']);
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
