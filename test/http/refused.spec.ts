import {
  Body,
  Controller,
  createParamDecorator,
  Get,
  Inject,
  Injectable,
  Ip,
  Redirect,
  Render,
  Req,
  Scope,
  Sse,
  UseGuards,
} from '@nestjs/common';
import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { describe, expect, it } from '@jest/globals';
import { of } from 'rxjs';
import type { Observable } from 'rxjs';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { earliest } from '../../src/catalogue/lives/earliest.js';
import { sinceLastUsed, sinceOriginallySet, sinceSet } from '../../src/catalogue/lives/since.js';
import { untilEndOfDay } from '../../src/catalogue/lives/until-end-of-day.js';
import { untilInstant, untilInvalidated } from '../../src/catalogue/lives/until.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import type { CachedResponseOptions } from '../../src/http/cached-response-options.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';

const Tenant = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<{ headers: object }>().headers,
);
const covering: CachedResponseOptions[] = [{ principal: () => 'me' }, { keyedBy: () => [] }];
const open: CachedResponseOptions[] = [{}, { principal: 'anyone' }];

@Injectable({ scope: Scope.REQUEST })
class TenantConnection {
  constructor(@Inject(REQUEST) readonly request: object) {}
}
@Injectable()
class Rows {
  constructor(readonly connection: TenantConnection) {}
}
@Injectable({ scope: Scope.REQUEST })
class PerRequest implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

/** The definition of a controller whose handler takes something. */
type Definition = (options: CachedResponseOptions) => Type<object>;

const definitions: [string, Definition, string][] = [
  [
    'a custom parameter decorator',
    (options) => {
      class A {
        @CachedResponse(options)
        read(@Tenant() _tenant: object): void {}
      }
      return A;
    },
    'A.read takes what a custom parameter decorator makes of the request. Give the option keyedBy',
  ],
  [
    'the request',
    (options) => {
      class A {
        @CachedResponse(options)
        read(@Req() _request: object): void {}
      }
      return A;
    },
    'A.read takes the whole request',
  ],
  [
    'the body',
    (options) => {
      class A {
        @CachedResponse(options)
        read(@Body() _body: object): void {}
      }
      return A;
    },
    'A.read takes the body',
  ],
  [
    'the address',
    (options) => {
      class A {
        @CachedResponse(options)
        read(@Ip() _address: string): void {}
      }
      return A;
    },
    'A.read takes the session, cookies or address',
  ],
];

describe('@CachedResponse refuses at the definition', () => {
  it.each(definitions)('%s, unless principal or keyedBy covers it', (_name, define, message) => {
    for (const options of open) expect(() => define(options)).toThrow(message);
    for (const options of covering) expect(define(options).name).toBe('A');
  });

  it('what answers by other means than a body', () => {
    expect(() => {
      class A {
        @CachedResponse()
        @Redirect('/')
        read(): void {}
      }
      return A;
    }).toThrow('A.read is decorated with @Redirect()');
    expect(() => {
      class A {
        @CachedResponse()
        @Render('page')
        read(): void {}
      }
      return A;
    }).toThrow('A.read is decorated with @Render()');
    expect(() => {
      class A {
        @CachedResponse()
        @Sse()
        read(): Observable<object> {
          return of({});
        }
      }
      return A;
    }).toThrow('A.read is decorated with @Sse()');
  });

  it('options that it does not have, or that can not be', () => {
    expect(() => CachedResponse({ tll: '1m' } as never)).toThrow(
      'tll: @CachedResponse has no such option. Did you mean ttl?',
    );
    expect(() => CachedResponse({ keepHeaders: ['Set-Cookie'] })).toThrow('Set-Cookie belongs to one exchange');
  });

  it.each<[string, object]>([
    ['principal', { principal: 'user' }],
    ['principal', { principal: null }],
    ['keyedBy', { keyedBy: ['tenant'] }],
    ['fill', { fill: {} }],
    ['query', { query: 'page' }],
    ['headers', { headers: [5] }],
    ['keepHeaders', { keepHeaders: 'X-Rows' }],
    ['cacheControl', { cacheControl: 'nocache' }],
    ['cacheStatus', { cacheStatus: 'keys' }],
    ['public', { public: 'yes' }],
    ['maxBodyBytes', { maxBodyBytes: 0 }],
    ['maxBodyBytes', { maxBodyBytes: '1mib' }],
    ['cache', { cache: 5 }],
  ])('a value that %s can not have: %j', (name, options) => {
    expect(() => CachedResponse(options)).toThrow(`${name}: @CachedResponse takes no such value`);
  });
});

describe('A life that answers can’t have', () => {
  interface Offer {
    readonly validUntil: Date;
  }
  const ofNobody: [string, EntryOptions['ttl'], string][] = [
    ['slides with use', sinceLastUsed('1m', { maxAge: '1h' }), 'it slides with use'],
    ['slides with use among others', earliest(sinceLastUsed('1m', { maxAge: '1h' }), sinceSet('2h')), 'it slides'],
    ['is a function of the value', () => '5m', 'it is a function of the value'],
    ['looks at the value', untilInstant(({ validUntil }: Offer) => validUntil), 'it looks at the value'],
    [
      'may look at the value',
      earliest(
        untilInstant(() => undefined),
        sinceSet('1h'),
      ),
      'it looks at the value',
    ],
    [
      'looks at a parameter',
      untilEndOfDay({ zone: 'UTC', unixDate: 'day' }),
      'it looks at the value or the parameters',
    ],
  ];
  const ofTheClock: [string, NonNullable<CachedResponseOptions['ttl']>][] = [
    ['since set', sinceSet('5m', { jitter: 0.1 })],
    ['since originally set', sinceOriginallySet('5m')],
    ['until the end of the day', untilEndOfDay({ zone: 'UTC' })],
    ['until invalidated', untilInvalidated()],
    ['the earliest of these', earliest(sinceSet('5m'), untilInvalidated())],
  ];
  const controllerWith = (options: CachedResponseOptions): Type<object> => {
    @Controller()
    class Offers {
      @Get()
      @CachedResponse(options)
      read(): object {
        return {};
      }
    }
    return Offers;
  };
  const startWith = async (ttl: EntryOptions['ttl'], options: CachedResponseOptions): Promise<void> => {
    const imports = [cacheModule({ defaults: { ttl } })];
    const app = await listen('Express', { imports, controllers: [controllerWith(options)] });
    await app.close();
  };

  it.each(ofNobody)('%s: it is refused at the definition', (_, ttl, problem) => {
    expect(() => controllerWith({ ttl } as never)).toThrow(InvalidOptionError);
    expect(() => controllerWith({ ttl } as never)).toThrow(problem);
  });

  it.each(ofNobody)(
    '%s: as the default of a cache it is refused at the start, unless the route has a ttl',
    async (_, ttl) => {
      await expect(startWith(ttl, {})).rejects.toThrow(/Offers\.read has no ttl of its own.* Give the route a ttl\./);
      await startWith(ttl, { ttl: '5m' });
    },
  );

  it.each(ofTheClock)('is none of these: %s', async (_, ttl) => {
    controllerWith({ ttl });
    await startWith(ttl, {});
  });
});

describe.each(platforms)('@CachedResponse refuses at the start on %s', (platform) => {
  const start = async (controller: Type<object>, providers: Type<object>[] = []): Promise<void> => {
    const app = await listen(platform, { imports: [cacheModule()], controllers: [controller], providers });
    await app.close();
  };

  it('what decorators above it add', async () => {
    @Controller()
    class Redirected {
      @Redirect('/')
      @CachedResponse()
      @Get()
      read(): void {}
    }
    await expect(start(Redirected)).rejects.toThrow('Redirected.read is decorated with @Redirect()');
    @Controller()
    class Rendered {
      @Render('page')
      @CachedResponse()
      @Get()
      read(): void {}
    }
    await expect(start(Rendered)).rejects.toThrow('Rendered.read is decorated with @Render()');
    @Controller()
    class Streamed {
      @Sse()
      @CachedResponse()
      read(): Observable<object> {
        return of({});
      }
    }
    await expect(start(Streamed)).rejects.toThrow('Streamed.read is decorated with @Sse()');
  });

  it('handlers that no HTTP request reaches: message handlers, gateways, resolvers', async () => {
    @Controller()
    class Messages {
      @MessagePattern('read')
      @CachedResponse()
      read(): object {
        return {};
      }
    }
    await expect(start(Messages)).rejects.toThrow('Messages.read is no route of HTTP');
    @Controller()
    class Courses {
      @MessagePattern('read')
      @Get()
      @CachedResponse()
      read(): object {
        return {};
      }
    }
    @Injectable()
    class CourseResolver {
      @CachedResponse()
      read(): object {
        return {};
      }
    }
    await expect(start(Courses, [CourseResolver])).rejects.toThrow('CourseResolver.read is no route of HTTP');
    await start(Courses);
  });

  const scoped = (options: CachedResponseOptions): Type<object> => {
    @Controller()
    class Scoped {
      constructor(readonly rows: Rows) {}
      @Get()
      @CachedResponse(options)
      read(): object {
        return {};
      }
    }
    return Scoped;
  };
  const guarded = (options: CachedResponseOptions): Type<object> => {
    @Controller()
    @UseGuards(PerRequest)
    class Guarded {
      @Get()
      @CachedResponse(options)
      read(): object {
        return {};
      }
    }
    return Guarded;
  };

  it('what is made anew for each request, at any depth, unless principal or keyedBy covers it', async () => {
    for (const options of open) {
      await expect(start(scoped(options), [Rows, TenantConnection])).rejects.toThrow('made anew for each request');
      await expect(start(guarded(options))).rejects.toThrow('Guarded.read');
    }
    for (const options of covering) {
      await start(scoped(options), [Rows, TenantConnection]);
      await start(guarded(options));
    }
  });
});
