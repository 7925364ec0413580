import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Body, Catch, Controller, Get, Injectable, Module, Param, Post, UseFilters, UseGuards } from '@nestjs/common';
import type {
  ArgumentsHost,
  CanActivate,
  ExceptionFilter,
  ExecutionContext,
  INestApplication,
  MiddlewareConsumer,
  NestMiddleware,
  NestModule,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RequestCache } from '../../src/near/request-cache.js';
import { asyncLocalScopeStorage, RequestScope } from '../../src/near/request-scope.js';
import type { ScopeState, ScopeStorage } from '../../src/near/request-scope.js';
import { askWithoutConnection } from '../support/ask-without-connection.js';
import { eventually } from '../support/eventually.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import type { Platform } from '../support/nest-application.js';
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

/** Counts what one request looked up, wherever in it that was. */
@Injectable()
class Steps {
  constructor(private readonly cache: RequestCache) {}
  next(): number {
    const steps = this.cache.namespace('steps');
    const lookup = steps.lookup<number>('count');
    const count = (lookup.hit ? lookup.value : 0) + 1;
    steps.set('count', count);
    return count;
  }
}

@Injectable()
class StepMiddleware implements NestMiddleware {
  constructor(private readonly steps: Steps) {}
  use(_request: unknown, _response: unknown, next: () => void): void {
    this.steps.next();
    next();
  }
}

@Injectable()
class StepGuard implements CanActivate {
  constructor(private readonly steps: Steps) {}
  canActivate(): boolean {
    this.steps.next();
    return true;
  }
}

@Controller('steps')
@UseGuards(StepGuard)
class StepsController {
  constructor(private readonly steps: Steps) {}
  @Post()
  take(@Body() { text }: { text: string }): object {
    return { length: text.length, steps: this.steps.next() };
  }
}

class StepsModule {}
Module({ controllers: [StepsController], providers: [Steps] })(StepsModule);

class MiddlewareStepsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(StepMiddleware).forRoutes('steps');
  }
}
Module({ controllers: [StepsController], providers: [Steps] })(MiddlewareStepsModule);

/** Tells of every scope whether it is still open. */
function watchedStorage(states: ScopeState[]): ScopeStorage {
  return {
    ...asyncLocalScopeStorage,
    run: (state, work) => {
      if (state) states.push(state);
      return asyncLocalScopeStorage.run(state, work);
    },
  };
}

type HoldingHook = (request: unknown, reply: unknown, next: () => void) => void;

/** What a team has put in front of everything: it takes its time, until each `next` of the list is called. */
function holdUp(app: INestApplication, platform: Platform, held: (() => void)[]): void {
  const hold = (next: () => void): void => void held.push(next);
  if (platform === 'Express') app.use((_request: unknown, _response: unknown, next: () => void) => hold(next));
  else {
    const fastify = app.getHttpAdapter().getInstance() as { addHook(name: string, hook: HoldingHook): void };
    fastify.addHook('onRequest', (_request, _reply, next) => hold(next));
  }
}

/** A connection on which these requests are sent without waiting for answers. */
async function pipeline(app: INestApplication, paths: readonly string[]): Promise<Socket> {
  const socket = connect(Number(new URL(await app.getUrl()).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  return socket;
}

@Controller('held')
class HeldController {
  constructor(private readonly scope: RequestScope) {}
  readonly scopes: boolean[] = [];
  readonly releases: (() => void)[] = [];
  @Get()
  hold(): Promise<void> {
    this.scopes.push(this.scope.active);
    return new Promise((resolve) => this.releases.push(resolve));
  }
}

/** One end of a connection in memory: what is written to the other one is read here, in the same asynchronous context. */
class End extends Duplex {
  other: End | undefined = undefined;
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.other?.push(chunk);
    done();
  }
  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }
}

/** Asks as `inject` does: no socket stands between the one that asks and the one that answers. */
async function askWithin(server: Server, path: string): Promise<unknown> {
  const [client, ofServer] = [new End(), new End()];
  client.other = ofServer;
  ofServer.other = client;
  server.emit('connection', ofServer);
  client.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
  const text = Buffer.concat((await client.toArray()) as Buffer[]).toString();
  return JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
}

/** A look-up says nothing of its value as JSON. */
function readIn(people: ReturnType<RequestCache['namespace']>): string {
  const lookup = people.lookup<string>('who');
  return lookup.hit ? lookup.value : 'nobody';
}

/** One request that makes another, in the same process. */
@Controller('nested')
class NestedController {
  constructor(
    private readonly cache: RequestCache,
    private readonly host: HttpAdapterHost,
  ) {}
  @Get('outer')
  async outer(): Promise<object> {
    const people = this.cache.namespace('people');
    people.set('who', 'alice');
    const inner = await askWithin(this.host.httpAdapter.getHttpServer() as Server, '/nested/inner');
    return { inner, outer: readIn(people) };
  }
  @Get('inner')
  inner(): object {
    const people = this.cache.namespace('people');
    const found = readIn(people);
    people.set('who', 'bob');
    return { found, kept: readIn(people) };
  }
}

/** A body that comes in pieces is read when the request's context is long gone. */
async function postInPieces(url: string): Promise<unknown> {
  const body = JSON.stringify({ text: 'x'.repeat(30_000) });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const sent = request(`${url}/steps`, { method: 'POST', headers });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  for (const piece of [body.slice(0, 9), body.slice(9, 15_000), body.slice(15_000)]) {
    sent.write(piece);
    await pause(30);
  }
  sent.end();
  const [response] = await answered;
  return JSON.parse((await response.toArray()).join(''));
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

  it.each([
    { where: 'after a body that came in pieces', module: StepsModule, steps: 2 },
    { where: 'in other modules’ middleware, and after such a body', module: MiddlewareStepsModule, steps: 3 },
  ])('has it $where', async ({ module, steps }) => {
    app = await listen(platform, { imports: [module, cacheModule()] });
    const url = await app.getUrl();
    const answer = { length: 30_000, steps };
    expect(await Promise.all([postInPieces(url), postInPieces(url)])).toEqual([answer, answer]);
  });

  it.each([
    ['one cache', []],
    ['two caches', [cacheModule({ name: 'second' })]],
  ])('has one of its own also where another request makes it in its own context, with %s', async (_, others) => {
    app = await listen(platform, { imports: [cacheModule(), ...others], controllers: [NestedController] });
    const answered = await fetch(`${await app.getUrl()}/nested/outer`);
    expect(await answered.json()).toEqual({ inner: { found: 'nobody', kept: 'bob' }, outer: 'alice' });
  });

  it('has none that outlives its connection, also if its answer waits for others of that connection', async () => {
    const states: ScopeState[] = [];
    const caches = [cacheModule({ scopeStorage: watchedStorage(states) }), cacheModule({ name: 'second' })];
    app = await listen(platform, { imports: caches, controllers: [HeldController] });
    const socket = await pipeline(app, ['/held', '/held', '/none', '/held']);
    await eventually(() => expect(app.get(HeldController).scopes).toEqual([true, true, true]));
    expect(states.map(({ closed }) => closed)).toEqual([false, false, false, false]);
    socket.destroy();
    await eventually(() => expect(states.map(({ closed }) => closed)).toEqual([true, true, true, true]));
    for (const release of app.get(HeldController).releases) release();
  });

  it('has none that outlives its answer, also if there is no connection that is closed', async () => {
    const states: ScopeState[] = [];
    const caches = [cacheModule({ scopeStorage: watchedStorage(states) }), cacheModule({ name: 'second' })];
    app = await listen(platform, { imports: [StepsModule, ...caches] });
    const { closed } = await askWithoutConnection(app.getHttpServer() as Server, '/none');
    expect(closed).toBe(false);
    await eventually(() => expect(states.map((state) => state.closed)).toEqual([true]));
  });

  it('has none when its connection is gone before it could be opened', async () => {
    const states: ScopeState[] = [];
    const held: (() => void)[] = [];
    app = await listen(
      platform,
      { imports: [cacheModule({ scopeStorage: watchedStorage(states) })], controllers: [HeldController] },
      (one) => holdUp(one, platform, held),
    );
    const socket = await pipeline(app, ['/held', '/held']);
    await eventually(() => expect(held).toHaveLength(2));
    socket.destroy();
    const server = app.getHttpServer() as Server;
    const connections = promisify<number>((done) => server.getConnections(done));
    await eventually(async () => expect(await connections()).toBe(0));
    for (const next of held) next();
    await eventually(() => expect(app.get(HeldController).scopes).toEqual([false, false]));
    expect(states).toEqual([]);
    for (const release of app.get(HeldController).releases) release();
  });
});
