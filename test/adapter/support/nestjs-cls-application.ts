import { Controller, Get, Injectable, Module, Param } from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CLS_REQ, ClsModule, ClsService, ClsServiceManager } from 'nestjs-cls';
import type { ClsModuleOptions } from 'nestjs-cls';
import { nestjsClsStorage } from '../../../src/adapter/nestjs-cls-storage.js';
import { TieredCacheModule } from '../../../src/module/tiered-cache.module.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import { RequestScope, ScopeState } from '../../../src/near/request-scope.js';
import { Visits } from '../../module/support/visits.js';
import type { Verdict } from '../../module/support/visits.js';

@Injectable()
class EarlyGuard implements CanActivate {
  constructor(
    private readonly cls: ClsService,
    private readonly visits: Visits,
  ) {}
  /** The request's scope is open already, and the interceptors that come later find the same one. */
  canActivate(context: ExecutionContext): boolean {
    this.cls.set('seen', 'by the guard');
    this.visits.enter(Number(context.switchToHttp().getRequest<{ params: { id: string } }>().params.id));
    return true;
  }
}

@Controller()
class VisitsController {
  constructor(
    private readonly visits: Visits,
    private readonly cls: ClsService,
  ) {}
  @Get('visits/:id')
  async visit(@Param('id') id: string): Promise<object> {
    this.cls.set('id', Number(id));
    await this.visits.stay(Number(id));
    return { id: this.cls.get<number>('id'), seen: this.cls.get<string>('seen') };
  }
}

export interface ClsApplication {
  readonly platform: 'Express' | 'Fastify';
  readonly cls: ClsModuleOptions;
  /** Imported before nestjs-cls, whose middleware then runs second. */
  readonly cacheFirst: boolean;
}

let app: INestApplication | undefined;

export const nestjsClsMethods = {
  async start({ platform, cls, cacheFirst }: ClsApplication): Promise<string> {
    const theirs = ClsModule.forRoot({ global: true, ...cls });
    const options = { stores: memoryStore(), namespace: 'test', packageVersion: '1', scopeStorage: nestjsClsStorage() };
    const ours = TieredCacheModule.forRoot(options);
    @Module({
      imports: cacheFirst ? [ours, theirs] : [theirs, ours],
      controllers: [VisitsController],
      providers: [Visits, { provide: APP_GUARD, useClass: EarlyGuard }],
    })
    class AppModule {}
    app =
      platform === 'Express'
        ? await NestFactory.create(AppModule, { logger: ['error'] })
        : await NestFactory.create(AppModule, new FastifyAdapter() as never, { logger: ['error'] });
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  },

  async verdict(): Promise<Verdict> {
    const verdict = await app?.get(Visits).verdict();
    await app?.close();
    if (!verdict) throw new Error('there is no application');
    return verdict;
  },

  /** What a job of its own scope and those beside it see, in one context of the team's. */
  async besides(): Promise<Record<string, unknown>> {
    const cls = ClsServiceManager.getClsService();
    const scope = new RequestScope(nestjsClsStorage());
    return cls.run(async () => {
      cls.set('team', 'a');
      const seen: Record<string, unknown> = {};
      const job = scope.run(async () => {
        seen['in the job'] = [cls.get('team'), scope.active];
        await Promise.resolve();
        cls.set('result', 7);
        seen['in a child context'] = cls.run({ ifNested: 'inherit' }, () => [cls.get<number>('result'), scope.active]);
        seen['left by the job'] = scope.outside(() => [cls.get<string>('team'), scope.active]);
        seen['keys'] = Object.keys(cls.get());
        seen['has'] = [cls.has('result'), cls.has('absent')];
      });
      seen['beside the job'] = scope.active;
      await job;
      seen['after the job'] = [cls.get('result'), scope.active];
      return seen;
    });
  },

  /** Whether the scope of a request is found by who goes back to the context that another copy of nestjs-cls made for it. */
  async backInContext(): Promise<Record<string, boolean>> {
    const cls = ClsServiceManager.getClsService();
    const scope = new RequestScope(nestjsClsStorage());
    const seen = (opened?: object): boolean =>
      cls.run({ ifNested: 'override' }, () => {
        cls.set(CLS_REQ, request);
        const context = cls.get();
        const state = new ScopeState();
        try {
          return scope.open(state, () => cls.runWith(context, () => scope.active), opened);
        } finally {
          state.close();
        }
      });
    const request = {};
    return { 'of the request': seen(request), 'of another request': seen({}), 'of a message': seen() };
  },

  /** Where there is no context of the team's. */
  async alone(): Promise<Record<string, unknown>> {
    const cls = ClsServiceManager.getClsService();
    const scope = new RequestScope(nestjsClsStorage());
    const inside = await scope.run(async () => [cls.isActive(), scope.active]);
    return { inside, outside: scope.outside(() => [cls.isActive(), scope.active]) };
  },
};
