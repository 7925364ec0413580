import { Controller, Get, Injectable, Module, Param } from '@nestjs/common';
import type { INestApplication, MiddlewareConsumer, NestMiddleware, NestModule } from '@nestjs/common';
import { createNamespace, destroyNamespace } from 'cls-hooked';
import type { Namespace } from 'cls-hooked';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { clsHookedStorage } from '../../src/adapter/cls-hooked-storage.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import { expectNoCrossings, visitAll } from '../module/support/visit-all.js';
import { Visits } from '../module/support/visits.js';

const name = 'cls-hooked.spec';
let team: Namespace;
beforeAll(() => void (team = createNamespace(name)));
afterAll(() => destroyNamespace(name));

@Injectable()
class TeamMiddleware implements NestMiddleware {
  use(request: { originalUrl: string }, _response: unknown, next: () => void): void {
    team.run(() => {
      team.set('url', request.originalUrl);
      next();
    });
  }
}

@Module({})
class TeamModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TeamMiddleware).forRoutes('{*path}');
  }
}

@Controller()
class VisitsController {
  constructor(private readonly visits: Visits) {}
  @Get('visits/:id')
  async visit(@Param('id') id: string): Promise<object> {
    await this.visits.visit(Number(id));
    return { id: Number(id), url: team.get('url') as unknown };
  }
}

describe.each(platforms)('The scope of cls-hooked on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app.close());

  it.each([true, false])('200 requests, 0 crossings; their middleware: %s', async (withTheirs) => {
    app = await listen(platform, {
      imports: [...(withTheirs ? [TeamModule] : []), cacheModule({ scopeStorage: clsHookedStorage(team) })],
      controllers: [VisitsController],
      providers: [Visits],
    });
    const url = await app.getUrl();
    await visitAll(async (id) => {
      const answer = (await (await fetch(`${url}/visits/${id}`)).json()) as { id: number; url?: string };
      if (withTheirs) expect(answer.url).toBe(`/visits/${id}`);
      return answer.id;
    });
    expectNoCrossings(await app.get(Visits).verdict());
  });
});

describe('A scope within a context of cls-hooked', () => {
  it('is no other’s who shares the context, and what is set in it is set in the context', async () => {
    const scope = new RequestScope(clsHookedStorage(team));
    await team.runPromise(async () => {
      team.set('team', 'a');
      const job = scope.run(async () => {
        expect([team.get('team'), scope.active]).toEqual(['a', true]);
        await Promise.resolve();
        team.set('result', 7);
        expect(scope.active).toBe(true);
        expect(scope.outside(() => [scope.active, team.get('team') as string])).toEqual([false, 'a']);
      });
      expect(scope.active).toBe(false);
      await job;
      expect([team.get('result'), scope.active]).toEqual([7, false]);
    });
    await expect(scope.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(scope.active).toBe(false);
  });

  it('has contexts within it, each with what was set in it alone', async () => {
    const scope = new RequestScope(clsHookedStorage(team));
    const work = async (): Promise<void> => {
      team.set('transaction', 'none');
      const bystander = team.bind(() => team.get('transaction') as unknown);
      let left = 2;
      let open = (): void => {};
      const bothHaveSet = new Promise<void>((resolve) => (open = resolve));
      const inTransaction = (id: string) =>
        team.runAndReturn(async () => {
          team.set('transaction', id);
          if (--left === 0) open();
          await bothHaveSet;
          expect(scope.active).toBe(true);
          return scope.run(() => team.get('transaction') as unknown);
        });
      expect(await Promise.all([inTransaction('a'), inTransaction('b')])).toEqual(['a', 'b']);
      expect([bystander(), team.get('transaction')]).toEqual(['none', 'none']);
    };
    await team.runAndReturn(() => scope.run(work));
    await team.runAndReturn(() => scope.run(() => scope.run(work)));
    await scope.run(work);
  });
});
