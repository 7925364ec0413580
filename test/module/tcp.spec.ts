import { setImmediate as turn } from 'node:timers/promises';
import { Catch, Controller, Injectable, UseFilters, UseGuards } from '@nestjs/common';
import type { CanActivate, ExceptionFilter, INestApplication, INestMicroservice } from '@nestjs/common';
import { ClientProxyFactory, EventPattern, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import type { ClientProxy, MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom, from, mergeMap, throwError, toArray } from 'rxjs';
import type { Observable } from 'rxjs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RequestScope } from '../../src/near/request-scope.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { cacheModule } from '../support/nest-application.js';
import { expectNoCrossings, visitAll } from './support/visit-all.js';
import { Visits } from './support/visits.js';

@Controller()
class VisitsController {
  constructor(private readonly visits: Visits) {}
  @MessagePattern('visit')
  visit(@Payload() id: number): Promise<number> {
    return this.visits.visit(id);
  }
  /** Three answers to one message: the scope lasts until the last. */
  @MessagePattern('stream')
  stream(@Payload() id: number): Observable<number> {
    this.visits.enter(id);
    return from([1, 2, 3]).pipe(mergeMap(() => this.visits.step(id)));
  }
  @MessagePattern('failure')
  async failure(@Payload() id: number): Promise<never> {
    await this.visits.visit(id);
    throw new Error('it failed');
  }
  @EventPattern('event')
  async event(@Payload() id: number): Promise<void> {
    await this.visits.visit(id);
  }
}

const active: Record<string, boolean> = {};

@Injectable()
class WatchingGuard implements CanActivate {
  constructor(private readonly scope: RequestScope) {}
  canActivate(): boolean {
    active['guard'] = this.scope.active;
    return true;
  }
}

@Catch()
@Injectable()
class WatchingFilter implements ExceptionFilter {
  constructor(private readonly scope: RequestScope) {}
  catch(): Observable<never> {
    active['filter'] = this.scope.active;
    return from(turn()).pipe(
      mergeMap(() => {
        active['filter, later'] = this.scope.active;
        return throwError(() => new Error('seen'));
      }),
    );
  }
}

@Controller()
class WatchedController {
  constructor(private readonly scope: RequestScope) {}
  @MessagePattern('watched')
  @UseGuards(WatchingGuard)
  @UseFilters(WatchingFilter)
  async watched(): Promise<never> {
    active['handler'] = this.scope.active;
    await turn();
    throw new Error('it failed');
  }
}

const metadata = () => ({
  imports: [cacheModule()],
  controllers: [VisitsController, WatchedController],
  providers: [Visits, WatchingGuard, WatchingFilter],
});
const tcp = async (): Promise<MicroserviceOptions & { options: { host: string; port: number } }> => ({
  transport: Transport.TCP,
  options: { host: '127.0.0.1', port: await freePort() },
});

describe('Messages over TCP', () => {
  let app: INestMicroservice | INestApplication;
  let client: Pick<ClientProxy, 'send' | 'emit' | 'close'>;
  afterEach(async () => {
    await client.close();
    await app.close();
  });

  async function startMicroservice(): Promise<void> {
    const options = await tcp();
    const module = await Test.createTestingModule(metadata()).compile();
    app = module.createNestMicroservice<MicroserviceOptions>({ ...options, logger: false });
    await app.listen();
    client = ClientProxyFactory.create(options as never);
  }

  const send = (pattern: string, id: number): Promise<number> => firstValueFrom(client.send<number>(pattern, id));

  it('have a scope each', async () => {
    await startMicroservice();
    await visitAll((id) => send('visit', id));
    expectNoCrossings(await app.get(Visits).verdict());
  });

  it('have a scope for as long as they are answered, and when they fail, and when nobody waits for an answer', async () => {
    await startMicroservice();
    const streams = Array.from({ length: 40 }, (_, id) =>
      firstValueFrom(client.send<number>('stream', id).pipe(toArray())).then((all) =>
        expect(all).toEqual([id, id, id]),
      ),
    );
    const failures = Array.from({ length: 40 }, (_, id) => expect(send('failure', 40 + id)).rejects.toBeDefined());
    const events = Array.from({ length: 40 }, (_, id) => client.emit('event', 80 + id).forEach(() => {}));
    await Promise.all([...streams, ...failures, ...events]);
    const visits = app.get(Visits);
    await eventually(() => expect(visits.openScopes).toBe(0));
    expectNoCrossings(await visits.verdict(), 120);
  });

  it('have it from the interceptors to the beginning of the exception filters, not in guards', async () => {
    await startMicroservice();
    await expect(send('watched', 0)).rejects.toBeDefined();
    expect(active).toEqual({ guard: false, handler: true, filter: true, 'filter, later': false });
  });

  it('have one in an application with HTTP too, if the microservice inherits the configuration', async () => {
    const options = await tcp();
    const module = await Test.createTestingModule(metadata()).compile();
    const both = (app = module.createNestApplication());
    both.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig: true });
    await both.startAllMicroservices();
    await both.listen(0, '127.0.0.1');
    client = ClientProxyFactory.create(options as never);
    await visitAll((id) => send('visit', id), 40);
    expectNoCrossings(await both.get(Visits).verdict(), 40);
  });
});
