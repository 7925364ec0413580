import { Controller, Get, Inject, Injectable, mixin, Module, Optional, Scope, UseGuards } from '@nestjs/common';
import type {
  CanActivate,
  INestApplication,
  MiddlewareConsumer,
  ModuleMetadata,
  NestMiddleware,
  NestModule,
} from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { Memoize } from '../../src/decorator/memoize.js';
import { memoized } from '../../src/decorator/memoized.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import { cacheModule, start } from '../support/nest-application.js';

/** Rows of one tenant: what an instance answers is its own. */
@Injectable()
class Rows {
  tenant = 'none';

  @Memoize()
  async find(id: string): Promise<string> {
    return `${this.tenant} ${id}`;
  }
}

@Injectable()
class KeyedRows {
  tenant = 'none';

  @Memoize({ args: function (this: KeyedRows, id: string) { return [this.tenant, id] } }) // prettier-ignore
  async find(id: string): Promise<string> {
    return `${this.tenant} ${id}`;
  }
}

@Injectable()
class Connections {
  constructor(private readonly ref: ModuleRef) {}

  async rowsOf<R extends Rows | KeyedRows>(rows: new () => R, tenant: string): Promise<R> {
    const made = await this.ref.create(rows);
    made.tenant = tenant;
    return made;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestRows {
  constructor(@Inject(REQUEST) readonly request: { tenant: string }) {}

  @Memoize()
  async find(id: string): Promise<string> {
    return `${this.request.tenant} ${id}`;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestKeyedRows {
  constructor(@Inject(REQUEST) readonly request: { tenant: string }) {}

  @Memoize({ args: function (this: RequestKeyedRows, id: string) { return [this.request.tenant, id] } }) // prettier-ignore
  async find(id: string): Promise<string> {
    return `${this.request.tenant} ${id}`;
  }
}

@Injectable({ scope: Scope.REQUEST })
class TenantGuard implements CanActivate {
  @Memoize()
  async rights(user: string): Promise<string> {
    return user;
  }

  async canActivate(): Promise<boolean> {
    return (await this.rights('ada')) === 'ada';
  }
}

@Controller('guarded')
@UseGuards(TenantGuard)
class GuardedController {
  @Get()
  read(): string {
    return 'read';
  }
}

@Injectable({ scope: Scope.REQUEST })
class TenantMiddleware implements NestMiddleware {
  @Memoize()
  async tenant(host: string): Promise<string> {
    return host;
  }

  async use(_request: object, _response: object, next: () => void): Promise<void> {
    await this.tenant('example.org');
    next();
  }
}

@Module({})
class TenantModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TenantMiddleware).forRoutes('{*path}');
  }
}

/** One instance for each that injects it. */
@Injectable({ scope: Scope.TRANSIENT })
class TransientRows extends Rows {}

/** Its own instance of what it asks for is made with it. */
@Injectable({ scope: Scope.REQUEST })
class RequestPages {
  constructor(
    @Optional() @Inject('absent') readonly absent: unknown,
    readonly rows: TransientRows,
  ) {}
}

/** Of request scope because of what it asks for. */
@Injectable()
class Reports {
  constructor(readonly rows: RequestKeyedRows) {}

  @Memoize()
  async report(id: string): Promise<string> {
    return this.rows.find(id);
  }
}

const apps: INestApplication[] = [];
const started = async (metadata: ModuleMetadata): Promise<INestApplication> => {
  const app = await start({ ...metadata, imports: [cacheModule(), ...(metadata.imports ?? [])] });
  apps.push(app);
  return app;
};
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

describe('Two instances of one memoized class', () => {
  it('are refused where their keys would be the same', async () => {
    const connections = (await started({ providers: [Connections] })).get(Connections);
    const one = await connections.rowsOf(Rows, 'one');
    const refused = connections.rowsOf(Rows, 'two');
    await expect(refused).rejects.toThrow(InvalidKeyError);
    await expect(refused).rejects.toThrow(
      'a second instance of Rows was made, and Rows.find would answer for both alike',
    );
    expect(await one.find('1')).toBe('one 1');
  });

  it('are refused also when two modules provide the class', async () => {
    @Module({ providers: [Rows] })
    class First {}
    @Module({ providers: [Rows] })
    class Second {}
    await expect(started({ imports: [First, Second] })).rejects.toThrow('a second instance of Rows was made');
  });

  it('are told apart by a mapping that knows the instance', async () => {
    const connections = (await started({ providers: [Connections] })).get(Connections);
    const [one, two] = [await connections.rowsOf(KeyedRows, 'one'), await connections.rowsOf(KeyedRows, 'two')];
    expect([await one.find('1'), await two.find('1')]).toEqual(['one 1', 'two 1']);
    expect([await one.find('1'), await two.find('1')]).toEqual(['one 1', 'two 1']);
  });

  it('may belong to two applications', async () => {
    const [one, two] = [await started({ providers: [Rows] }), await started({ providers: [Rows] })];
    expect(one.get(Rows)).not.toBe(two.get(Rows));
  });
});

describe('A memoized class of request scope', () => {
  it('stops the start where its keys say nothing of the instance', async () => {
    const starting = started({ providers: [RequestRows] });
    await expect(starting).rejects.toThrow(
      'RequestRows is made anew for each request, and RequestRows.find would answer',
    );
  });

  it('stops the start also when only what it asks for is of that scope', async () => {
    const starting = started({ providers: [Reports, RequestKeyedRows] });
    await expect(starting).rejects.toThrow('Reports is made anew for each request');
  });

  it.each<[string, ModuleMetadata]>([
    ['TenantGuard', { controllers: [GuardedController] }],
    ['TenantMiddleware', { imports: [TenantModule] }],
    ['TransientRows', { providers: [RequestPages, TransientRows] }],
  ])('stops the start also where no module provides it for all: %s', async (name, metadata) => {
    await expect(started(metadata)).rejects.toThrow(`${name} is made anew for each request`);
  });

  it('answers each request with its own where they do', async () => {
    const app = await started({ providers: [RequestKeyedRows] });
    const rowsOf = async (tenant: string): Promise<RequestKeyedRows> => {
      const context = ContextIdFactory.create();
      app.get(ModuleRef).registerRequestByContextId({ tenant }, context);
      return app.resolve(RequestKeyedRows, context);
    };
    const [one, two] = [await rowsOf('one'), await rowsOf('two')];
    expect([await one.find('1'), await two.find('1')]).toEqual(['one 1', 'two 1']);
  });
});

const withClassName = <C extends abstract new () => object>(name: string, owner: C): C =>
  Object.defineProperty(owner, 'name', { value: name });

describe('Names of classes as minifiers give them', () => {
  it('are refused of a subclass when it is made', async () => {
    abstract class Repository {
      @Memoize()
      async find(id: string): Promise<string> {
        return id;
      }
    }
    const Minified = withClassName('t', class extends Repository {});
    const starting = started({ providers: [{ provide: 'rows', useClass: Minified }] });
    await expect(starting).rejects.toThrow('the class of t.find has a name as a minifier gives it');
  });

  it('don’t matter where the option name stands for them', async () => {
    class Users {
      @Memoize({ name: 'Users' })
      async find(id: string): Promise<string> {
        return `user ${id}`;
      }
    }
    const app = await started({ providers: [{ provide: 'users', useClass: withClassName('t', Users) }] });
    const users = app.get<Users>('users');
    expect(await users.find('1')).toBe('user 1');
    expect(memoized(users, 'find').key('1').text).toBe('Users:find:1');
  });

  it('are no way to give two classes one name', async () => {
    abstract class Repository {
      @Memoize({ name: 'Repository' })
      async find(id: string): Promise<string> {
        return id;
      }
    }
    @Injectable()
    class Courses extends Repository {}
    @Injectable()
    class Policies extends Repository {}
    await expect(started({ providers: [Courses, Policies] })).rejects.toThrow('two classes are called Repository');
  });
});

describe('The name that mixin() gives a class at random', () => {
  const rowsOf = (table: string, name?: string) => {
    class TableRows {
      @Memoize({ ...(name !== undefined && { name }) })
      async find(id: string): Promise<string> {
        return `${table} ${id}`;
      }
    }
    return mixin(TableRows);
  };

  it('is refused when an instance is made: another process would have another', async () => {
    const starting = started({ providers: [{ provide: 'rows', useClass: rowsOf('courses') }] });
    await expect(starting).rejects.toThrow(InvalidKeyError);
    await expect(starting).rejects.toThrow(/has a name that mixin\(\) gave it at random.*or give the option name/);
  });

  it('doesn’t matter where the option name stands for it, or a class with a name extends it', async () => {
    class PolicyRows extends rowsOf('policies') {}
    const courses = { provide: 'courses', useClass: rowsOf('courses', 'CourseRows') };
    const app = await started({ providers: [courses, PolicyRows] });
    expect(memoized(app.get<{ find(id: string): Promise<string> }>('courses'), 'find').key('1').text).toBe(
      'CourseRows:find:1',
    );
    expect(memoized(app.get(PolicyRows), 'find').key('1').text).toBe('PolicyRows:find:1');
  });
});

@Injectable()
class Titles {
  protected title = 'old';

  @Memoize()
  async bySlug(slug: string): Promise<string> {
    return `${slug}: ${this.title}`;
  }

  @Invalidate({
    keys(this: Titles, slug: string) {
      return memoized(this, 'bySlug').key(slug);
    },
  })
  async rename(_slug: string, title: string): Promise<void> {
    this.title = title;
  }
}

@Injectable()
class TranslatedTitles extends Titles {}

it('A method that invalidates asks the memoized one for its key, which is right in a subclass too', async () => {
  const app = await start({
    imports: [cacheModule()],
    providers: [{ provide: Titles, useClass: TranslatedTitles }],
  });
  const titles = app.get(Titles);
  expect(await titles.bySlug('a')).toBe('a: old');
  await titles.rename('a', 'new');
  expect(await titles.bySlug('a')).toBe('a: new');
  await app.close();
});
