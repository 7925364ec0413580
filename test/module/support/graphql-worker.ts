import { setImmediate as turn } from 'node:timers/promises';
import { Module, UseFilters } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Args, GraphQLModule, Mutation, Parent, Query, ResolveField, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TieredCacheModule } from '../../../src/module/tiered-cache.module.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import { CacheLockExceptionFilter } from '../../../src/http/cache-lock-exception.filter.js';
import { RequestCache } from '../../../src/near/request-cache.js';
import { LockHeldError } from '../../../src/value/errors.js';
import { serveWorker } from '../../support/serve-worker.js';
import { Visits } from './visits.js';

const typeDefs = `
  type Visit { id: Int!, left: Int!, right: Int! }
  type Query { active: Boolean!, locked: Boolean! }
  type Tick { number: Int!, seenBefore: Int }
  type Subscription { ticks: Tick! }
  type Mutation { enter(id: Int!): Visit!, again(id: Int!): Int! }
`;

@Resolver('Visit')
class VisitResolver {
  constructor(private readonly visits: Visits) {}
  @Query('active')
  active(): boolean {
    return this.visits.scope.active;
  }
  @Query('locked')
  @UseFilters(CacheLockExceptionFilter)
  locked(): never {
    throw new LockHeldError('visit', 2_000);
  }
  @Mutation('enter')
  async enter(@Args('id') id: number): Promise<object> {
    this.visits.enter(id);
    return { id: await this.visits.step(id) };
  }
  /** Another field of the operation: mutations run one after the other. */
  @Mutation('again')
  again(@Args('id') id: number): Promise<number> {
    return this.visits.step(id);
  }
  @ResolveField('left')
  left(@Parent() { id }: { id: number }): Promise<number> {
    return this.visits.step(id);
  }
  @ResolveField('right')
  right(@Parent() { id }: { id: number }): Promise<number> {
    return this.visits.step(id);
  }
}

/** A subscription lives as long as its connection does: an event must not be given what an earlier one has read. */
@Resolver('Tick')
class TickResolver {
  constructor(private readonly requestCache: RequestCache) {}
  @Subscription('ticks')
  async *ticks(): AsyncGenerator<object> {
    for (let number = 0; number < 5; number++) {
      await turn();
      yield { ticks: { number } };
    }
  }
  @ResolveField('seenBefore')
  seenBefore(@Parent() { number }: { number: number }): number | undefined {
    const own = this.requestCache.namespace('ticks');
    const before = own.get<number>('tick');
    own.set('tick', number);
    return before;
  }
}

@Module({
  imports: [
    TieredCacheModule.forRoot({ stores: memoryStore(), namespace: 'test', packageVersion: '1' }),
    GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, typeDefs, subscription: true }),
  ],
  providers: [Visits, VisitResolver, TickResolver],
})
class AppModule {}

let app: INestApplication;

serveWorker({
  async start() {
    app = await NestFactory.create(AppModule, new FastifyAdapter() as never, { logger: ['error'] });
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  },
  verdict: () => app.get(Visits).verdict(),
  stop: () => app.close(),
});
