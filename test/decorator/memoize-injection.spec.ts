import { Controller, Get, Inject, Injectable, Module, Param, Scope, SetMetadata, UseGuards } from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST, Reflector } from '@nestjs/core';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { Memoize } from '../../src/decorator/memoize.js';
import { memoized } from '../../src/decorator/memoized.js';
import { getTieredCacheToken } from '../../src/cache/injection-tokens.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { cacheModule, listen, platforms, start } from '../support/nest-application.js';

let loads = 0;

@Injectable()
class Prices {
  @Memoize({ cache: 'pricing' })
  async of(slug: string): Promise<string> {
    return `${slug} ${++loads}`;
  }

  @Memoize()
  async course(slug: string): Promise<string> {
    return `${slug} ${++loads}`;
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  constructor(@Inject(REQUEST) readonly request: unknown) {}
  @Memoize({ args: (slug: string) => [slug] })
  async load(slug: string): Promise<string> {
    return `${slug} ${++loads}`;
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {
  @Memoize({ args: (slug: string) => [slug] })
  async load(slug: string): Promise<string> {
    return `${slug} ${++loads}`;
  }
}

@Injectable()
class Users {
  constructor(
    readonly one: Transient,
    private readonly ref: ModuleRef,
  ) {}
  async other(): Promise<Transient> {
    return this.ref.create(Transient);
  }
}

abstract class Repository {
  protected abstract readonly table: string;
  @Memoize()
  async find(id: string): Promise<string> {
    return `${this.table} ${id} ${++loads}`;
  }
}
@Injectable()
class CourseRepository extends Repository {
  protected readonly table = 'courses';
}
@Injectable()
class PolicyRepository extends Repository {
  protected readonly table = 'policies';
}
@Injectable()
class PlainRepository extends Repository {
  protected readonly table = 'plain';
  override async find(id: string): Promise<string> {
    return `not memoized ${id} ${++loads}`;
  }
}

const apps: INestApplication[] = [];
const started = async (metadata: Parameters<typeof start>[0]): Promise<INestApplication> => {
  const app = await start(metadata);
  apps.push(app);
  return app;
};
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

describe('A memoized method finds its cache', () => {
  it('by name', async () => {
    const app = await started({ imports: [cacheModule(), cacheModule({ name: 'pricing' })], providers: [Prices] });
    const prices = app.get(Prices);
    await Promise.all([prices.of('a'), prices.course('a')]);
    const keyOf = memoized(prices, 'of').key('a');
    expect(await app.get<TieredCache>(getTieredCacheToken('pricing')).get(keyOf)).toBe(await prices.of('a'));
    expect(await app.get(TieredCache).get(keyOf)).toBeUndefined();
    expect(await app.get(TieredCache).get(memoized(prices, 'course').key('a'))).toBe(await prices.course('a'));
  });

  it('in each of two applications of one process', async () => {
    const one = await started({ imports: [cacheModule()], providers: [Transient, Users] });
    const two = await started({ imports: [cacheModule({ stores: memoryStore() })], providers: [Transient, Users] });
    const answers = [await one.get(Users).one.load('a'), await two.get(Users).one.load('a')];
    expect(new Set(answers).size).toBe(2);
    expect([await one.get(Users).one.load('a'), await two.get(Users).one.load('a')]).toEqual(answers);
  });

  it('in request-scoped and transient providers', async () => {
    const app = await started({ imports: [cacheModule()], providers: [PerRequest, Transient, Users] });
    const instances = await Promise.all(
      [1, 2].map(() => app.resolve(PerRequest, ContextIdFactory.create(), { strict: false })),
    );
    expect(instances[0]).not.toBe(instances[1]);
    expect(await instances[0]?.load('a')).toBe(await instances[1]?.load('a'));
    const users = app.get(Users);
    const other = await users.other();
    expect(other).not.toBe(users.one);
    expect(await other.load('b')).toBe(await users.one.load('b'));
    expect(await memoized(other, 'load').invalidate('b')).toBe(true);
    expect(memoized(users.one, 'load').peek('b')).toBeUndefined();
  });

  it('in subclasses, whose keys differ, unless they override it', async () => {
    const app = await started({
      imports: [cacheModule()],
      providers: [CourseRepository, PolicyRepository, PlainRepository],
    });
    const [courses, policies, plain] = [app.get(CourseRepository), app.get(PolicyRepository), app.get(PlainRepository)];
    expect(await courses.find('1')).toMatch(/^courses 1/);
    expect(await policies.find('1')).toMatch(/^policies 1/);
    expect(await courses.find('1')).toBe(await courses.find('1'));
    expect(await plain.find('1')).not.toBe(await plain.find('1'));
    expect(memoized(courses, 'find').key('1').text).toBe('CourseRepository:find:1');
    expect(() => memoized(plain, 'find')).toThrow(InvalidOptionError);
  });

  it('or says that it has none', async () => {
    await expect(new Transient().load('a')).rejects.toThrow(
      'Transient.load was called on an object that was injected with no TieredCache',
    );
    await expect(started({ providers: [Transient, Users] })).rejects.toThrow("can't resolve dependencies");
  });

  it('and keeps it out of what prints the instance', async () => {
    const app = await started({ imports: [cacheModule()], providers: [CourseRepository] });
    expect(inspect(app.get(CourseRepository), { depth: 9 })).toBe("CourseRepository { table: 'courses' }");
  });

  it('unless another class of the same name would share its keys', async () => {
    const twin = ((): typeof Transient => {
      @Injectable()
      class Transient {
        @Memoize()
        async load(slug: string): Promise<string> {
          return slug;
        }
      }
      return Transient;
    })();
    @Module({ providers: [twin] })
    class Twins {}
    const starting = started({ imports: [cacheModule(), Twins], providers: [Transient, Users] });
    await expect(starting).rejects.toThrow(InvalidKeyError);
  });
});

const Role = (role: string): MethodDecorator => SetMetadata('role', role);

@Injectable()
class RoleGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    const { role } = context.switchToHttp().getRequest<{ headers: { role?: string } }>().headers;
    return this.reflector.get<string>('role', context.getHandler()) === role;
  }
}

@Controller('courses')
class CoursesController {
  @Get('above/:slug')
  @UseGuards(RoleGuard)
  @Role('reader')
  @Memoize()
  @Invalidate({ tags: ['x'] })
  async above(@Param('slug') slug: string): Promise<object> {
    return { slug, load: ++loads };
  }

  @Memoize()
  @Get('below/:slug')
  @Invalidate({ tags: ['x'] })
  @UseGuards(RoleGuard)
  @Role('reader')
  async below(@Param('slug') slug: string): Promise<object> {
    return { slug, load: ++loads };
  }
}

describe.each(platforms)('A memoized controller method on %s', (platform) => {
  it.each(['above', 'below'])('keeps its route, its guard and their metadata, with decorators %s', async (name) => {
    const app = await listen(platform, {
      imports: [cacheModule()],
      controllers: [CoursesController],
      providers: [RoleGuard],
    });
    apps.push(app);
    const read = async (role: string) => fetch(`${await app.getUrl()}/courses/${name}/a`, { headers: { role } });
    expect((await read('nobody')).status).toBe(403);
    const [first, second] = [await (await read('reader')).text(), await (await read('reader')).text()];
    expect(JSON.parse(first)).toMatchObject({ slug: 'a' });
    expect(second).toBe(first);
  });
});
