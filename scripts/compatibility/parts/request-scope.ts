// One scope for each HTTP request, open in guards already; a forced miss for those who may; a job with a scope of its own.
import assert from 'node:assert/strict';
import { Controller, Get, Injectable, Param, UseGuards } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { RequestCache, RequestScope, TieredCache } from 'nestjs-tiered-cache';
import { inMemory, meeting, withApplication } from '../application.js';

const bothAreHere = meeting(2);
let loads = 0;

@Injectable()
class VisitorGuard implements CanActivate {
  constructor(private readonly requests: RequestCache) {}

  canActivate(context: ExecutionContext) {
    const { params } = context.switchToHttp().getRequest<{ params: { id: string } }>();
    this.requests.namespace('visitor').set('id', params.id);
    return true;
  }
}

@Controller()
class VisitsController {
  constructor(
    private readonly requests: RequestCache,
    private readonly scope: RequestScope,
    private readonly cache: TieredCache,
  ) {}

  @Get('visits/:id')
  @UseGuards(VisitorGuard)
  async visit(@Param('id') id: string) {
    await bothAreHere();
    return { id, seen: this.requests.namespace('visitor').get('id'), active: this.scope.active };
  }

  @Get('loads')
  async loads() {
    return { load: await this.cache.getOrSet('load', () => ++loads, { ttl: '1m' }) };
  }
}

export async function requestScope(): Promise<void> {
  type Request = { headers: Record<string, string | undefined> };
  const mayForceMiss = ({ headers }: Request) => headers['x-staff'] === 'yes';
  const metadata = { imports: [inMemory({ mayForceMiss })], controllers: [VisitsController] };
  await withApplication(metadata, async (ask, app) => {
    const visit = async (id: string) => JSON.parse((await ask(`/visits/${id}`)).text) as unknown;
    const expected = ['1', '2'].map((id) => ({ id, seen: id, active: true }));
    assert.deepEqual(await Promise.all([visit('1'), visit('2')]), expected);

    const load = async (query = '', headers = {}) => (await ask(`/loads${query}`, headers)).text;
    const forced = '?force_cache_miss=true';
    const answers = [await load(), await load(forced), await load(forced, { 'x-staff': 'yes' }), await load()];
    assert.deepEqual(
      answers,
      [1, 1, 2, 2].map((number) => `{"load":${number}}`),
    );

    const scope = app.get(RequestScope);
    assert.equal(scope.active, false);
    assert.equal(await scope.run(async () => scope.active), true);
  });
}
