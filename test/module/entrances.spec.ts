import { Controller, Inject, Injectable, UseInterceptors } from '@nestjs/common';
import type { CallHandler, ExecutionContext, ModuleMetadata, NestInterceptor } from '@nestjs/common';
import { ApplicationConfig, ExternalContextCreator } from '@nestjs/core';
import { EventPattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import type { TestingModule } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Observable } from 'rxjs';
import { RequestScopeInterceptor } from '../../src/module/request-scope.interceptor.js';
import { cacheModule } from '../support/nest-application.js';

@Controller()
class Routes {}

@Controller()
class Events {
  @EventPattern('changed')
  change(_event: unknown): void {}
}

@Injectable()
class Theirs implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

@WebSocketGateway()
@UseInterceptors(Theirs)
class Gateway {}

@Injectable()
class Resolvers {
  constructor(readonly contexts: ExternalContextCreator) {}
}

@Injectable()
class Consumers {
  @Inject(ExternalContextCreator) readonly contexts!: ExternalContextCreator;
}

@Injectable()
class Bots {
  constructor(@Inject(ExternalContextCreator) readonly contexts: unknown) {}
}

const made = { provide: 'made', inject: [ExternalContextCreator], useFactory: (): object => ({}) };
const perhaps = { token: ExternalContextCreator, optional: true };
const perhapsMade = { provide: 'made', inject: [perhaps], useFactory: (): object => ({}) };

describe('The interceptor that opens scopes', () => {
  let app: TestingModule;
  afterEach(() => app.close());

  async function interceptors({ imports = [cacheModule()], ...metadata }: ModuleMetadata): Promise<number> {
    const controllers = [Routes, ...(metadata.controllers ?? [])];
    app = await Test.createTestingModule({ ...metadata, imports, controllers }).compile();
    return app.get(ApplicationConfig).getGlobalInterceptors().length;
  }

  it('is not there for routes alone', async () => {
    expect(await interceptors({})).toBe(0);
  });

  it('stands on the class of a gateway, in front of its own, as long as the application runs', async () => {
    await interceptors({ providers: [Gateway] });
    const standing = (): unknown[] => Reflect.getMetadata('__interceptors__', Gateway) as unknown[];
    expect(standing()).toEqual([expect.any(RequestScopeInterceptor), Theirs]);
    await app.close();
    expect(standing()).toEqual([Theirs]);
  });

  it('is there for routes that may force a miss', async () => {
    expect(await interceptors({ imports: [cacheModule({ mayForceMiss: () => true })] })).toBe(1);
  });

  it.each<[string, ModuleMetadata]>([
    ['message handlers', { controllers: [Events] }],
    ['gateways', { providers: [Gateway] }],
    ['what builds its handlers by Nest’s contexts', { providers: [Resolvers] }],
    ['what is given them by a token', { providers: [Bots] }],
    ['what is given them as a property', { providers: [Consumers] }],
    ['what a factory makes with them', { providers: [made] }],
    ['what a factory may make with them', { providers: [perhapsMade] }],
  ])('is there for %s', async (_what, metadata) => {
    expect(await interceptors(metadata)).toBe(1);
  });
});
