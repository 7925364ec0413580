// The scope in the context of nestjs-cls, with its middleware alone and with all that it can mount.
import assert from 'node:assert/strict';
import { Controller, Get, Injectable, Param } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ClsModule, ClsService } from 'nestjs-cls';
import type { ClsModuleOptions } from 'nestjs-cls';
import { RequestCache, RequestScope } from 'nestjs-tiered-cache';
import { nestjsClsStorage } from 'nestjs-tiered-cache/nestjs-cls';
import { inMemory, meeting, withApplication } from '../application.js';

let bothAreHere = meeting(2);

@Injectable()
class VisitorGuard implements CanActivate {
  constructor(
    private readonly cls: ClsService,
    private readonly requests: RequestCache,
  ) {}

  canActivate(context: ExecutionContext) {
    const { id } = context.switchToHttp().getRequest<{ params: { id: string } }>().params;
    this.cls.set('visitor', id);
    this.requests.namespace('visitor').set('id', id);
    return true;
  }
}

@Controller()
class VisitsController {
  constructor(
    private readonly cls: ClsService,
    private readonly requests: RequestCache,
    private readonly scope: RequestScope,
  ) {}

  @Get('visits/:id')
  async visit(@Param('id') id: string) {
    await bothAreHere();
    const own = this.requests.namespace('visitor').get('id');
    const inJob = await this.scope.run(async () => {
      this.cls.set('job', id);
      return this.requests.namespace('visitor').get('id') ?? 'nothing';
    });
    return {
      id: this.cls.getId(),
      visitor: this.cls.get<string>('visitor'),
      own,
      inJob,
      job: this.cls.get<string>('job'),
    };
  }
}

export async function nestjsCls(): Promise<void> {
  const idGenerator = ({ url }: { url: string }) => `id of ${url}`;
  const middleware = { mount: true, generateId: true, idGenerator };
  await visits({ middleware });
  await visits({ middleware, guard: { mount: true }, interceptor: { mount: true } });
}

async function visits(options: ClsModuleOptions): Promise<void> {
  bothAreHere = meeting(2);
  const metadata = {
    imports: [ClsModule.forRoot({ global: true, ...options }), inMemory({ scopeStorage: nestjsClsStorage() })],
    controllers: [VisitsController],
    providers: [{ provide: APP_GUARD, useClass: VisitorGuard }],
  };
  await withApplication(metadata, async (ask, app) => {
    const visit = async (id: string) => JSON.parse((await ask(`/visits/${id}`)).text) as { id: string };
    const [one, two] = await Promise.all([visit('1'), visit('2')]);
    const expected = (id: string) => ({ visitor: id, own: id, inJob: 'nothing', job: id });
    assert.deepEqual(
      [one, two],
      [
        { id: one.id, ...expected('1') },
        { id: two.id, ...expected('2') },
      ],
    );
    assert.match(one.id, /^id of /);
    assert.equal(app.get(RequestScope).active, false);
  });
}
