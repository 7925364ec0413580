import { Catch, Controller, Get, Injectable, Param, UseFilters, UseGuards } from '@nestjs/common';
import type { ArgumentsHost, CanActivate, ExceptionFilter, ExecutionContext, INestApplication } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import { expectNoCrossings, visitAll } from './support/visit-all.js';
import { Visits } from './support/visits.js';

@Injectable()
class EnteringGuard implements CanActivate {
  constructor(private readonly visits: Visits) {}
  canActivate(context: ExecutionContext): boolean {
    this.visits.enter(Number(context.switchToHttp().getRequest<{ params: { id: string } }>().params.id));
    return true;
  }
}

class FailedVisit extends Error {
  constructor(readonly id: number) {
    super('a visit failed');
  }
}

@Catch(FailedVisit)
@Injectable()
class FailureFilter implements ExceptionFilter<FailedVisit> {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly visits: Visits,
  ) {}
  async catch({ id }: FailedVisit, context: ArgumentsHost): Promise<void> {
    await this.visits.step(id);
    this.host.httpAdapter.reply(context.switchToHttp().getResponse(), { id }, 500);
  }
}

@Controller('visits')
@UseGuards(EnteringGuard)
@UseFilters(FailureFilter)
class VisitsController {
  constructor(private readonly visits: Visits) {}
  @Get(':id')
  async visit(@Param('id') text: string): Promise<object> {
    const id = Number(text);
    await this.visits.stay(id);
    if (id % 4 === 0) throw new FailedVisit(id);
    return { id };
  }
}

describe.each(platforms)('A request on %s', (platform) => {
  let app: INestApplication;
  afterEach(() => app.close());

  it('has one scope from its guards to its exception filters, also with two caches', async () => {
    app = await listen(platform, {
      imports: [cacheModule(), cacheModule({ name: 'second' })],
      controllers: [VisitsController],
      providers: [Visits, EnteringGuard, FailureFilter],
    });
    const url = await app.getUrl();
    await visitAll(async (id) => {
      const response = await fetch(`${url}/visits/${id}`);
      expect(response.status).toBe(id % 4 === 0 ? 500 : 200);
      return ((await response.json()) as { id: number }).id;
    });
    expectNoCrossings(await app.get(Visits).verdict());
  });
});
