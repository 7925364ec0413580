// The scope in a namespace of cls-hooked that the team's own middleware opens.
import assert from 'node:assert/strict';
import { Controller, Get, Module, Param } from '@nestjs/common';
import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import clsHookedPackage from 'cls-hooked';
import { RequestCache, RequestScope } from 'nestjs-tiered-cache';
import { clsHookedStorage } from 'nestjs-tiered-cache/cls-hooked';
import { inMemory, meeting, withApplication } from '../application.js';

const team = clsHookedPackage.createNamespace('team');
const bothAreHere = meeting(2);

@Module({})
class TeamModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    const inContext = (request: { originalUrl: string }, _response: unknown, next: () => void) =>
      team.run(() => {
        team.set('url', request.originalUrl);
        next();
      });
    consumer.apply(inContext).forRoutes('{*path}');
  }
}

@Controller()
class VisitsController {
  constructor(
    private readonly requests: RequestCache,
    private readonly scope: RequestScope,
  ) {}

  @Get('visits/:id')
  async visit(@Param('id') id: string) {
    const visitor = this.requests.namespace('visitor');
    visitor.set('id', id);
    await bothAreHere();
    return { own: visitor.get('id'), active: this.scope.active, url: team.get('url') as unknown };
  }
}

export async function clsHooked(): Promise<void> {
  const imports = [TeamModule, inMemory({ scopeStorage: clsHookedStorage(team) })];
  await withApplication({ imports, controllers: [VisitsController] }, async (ask) => {
    const visit = async (id: string) => JSON.parse((await ask(`/visits/${id}`)).text) as unknown;
    const expected = ['1', '2'].map((id) => ({ own: id, active: true, url: `/visits/${id}` }));
    assert.deepEqual(await Promise.all([visit('1'), visit('2')]), expected);
  });
}
