import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Module, UseInterceptors } from '@nestjs/common';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CachedResponse, memoryStore, TieredCacheModule } from 'nestjs-tiered-cache';
import { document } from './subjects.js';

export type Adapter = 'Express' | 'Fastify';

/** An application on a free loopback port. @param prepare is called before it listens. */
export async function listen(
  module: Type,
  adapter: Adapter,
  prepare: (app: INestApplication, adapter: Adapter) => void = () => {},
): Promise<{ url: string; app: INestApplication }> {
  const options = { logger: ['error'] as ['error'] };
  const app =
    adapter === 'Express'
      ? await NestFactory.create(module, options)
      : await NestFactory.create(module, new FastifyAdapter() as never, options);
  prepare(app, adapter);
  await app.listen(0, '127.0.0.1');
  return { url: `${await app.getUrl()}/document`, app };
}

type Hook = (request: unknown, response: unknown, next: () => void) => void;

/** What is used of it. */
interface Fastify {
  addHook(name: 'onRequest', hook: Hook): void;
}

/** A store of AsyncLocalStorage for each request, opened where the module opens its scope, and nothing else. */
export function openStores(app: INestApplication, adapter: Adapter): void {
  const local = new AsyncLocalStorage<object>();
  const open: Hook = (_request, _response, next) => local.run({}, next);
  if (adapter === 'Express') app.use(open);
  else (app.getHttpAdapter().getInstance() as Fastify).addHook('onRequest', open);
}

/** 20 KB as services answer them: a list of records. */
const body = {
  count: 76,
  results: Array.from({ length: 76 }, (_, index) => ({
    ...document(160, index),
    key: `edX+Course${index}`,
    enrolments: index * 1_031,
    price: index % 5 === 0 ? null : 49.5,
    partner: { name: `Institution ${index % 9}`, country: 'CH' },
  })),
};
const own = { stores: memoryStore(), namespace: 'bench', packageVersion: '1.0.0' };

/** Decorators as functions: the runner strips types and keeps no metadata. */
function controller(name: string, ...decorators: MethodDecorator[]): Type {
  const type = {
    [name]: class {
      read(): object {
        return body;
      }
    },
  }[name] as Type;
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, 'read') as PropertyDescriptor;
  Reflect.defineMetadata('design:paramtypes', [], type.prototype as object, 'read');
  for (const decorate of [Get('document'), ...decorators]) decorate(type.prototype as object, 'read', descriptor);
  Object.defineProperty(type.prototype, 'read', descriptor);
  Controller()(type);
  return type;
}

function module(name: string, metadata: Parameters<typeof Module>[0]): Type {
  const type = { [name]: class {} }[name] as Type;
  Module(metadata)(type);
  return type;
}

export const bareApp = (): Type => module('BareModule', { controllers: [controller('BareController')] });

export const moduleApp = (): Type =>
  module('OursModule', { imports: [TieredCacheModule.forRoot(own)], controllers: [controller('OursController')] });

export const cachedResponseApp = (): Type =>
  module('CachedModule', {
    imports: [TieredCacheModule.forRoot(own)],
    controllers: [controller('CachedController', CachedResponse({ ttl: '10m' }))],
  });

export const officialApp = (): Type =>
  module('OfficialModule', {
    imports: [CacheModule.register({ ttl: 600_000 })],
    controllers: [controller('OfficialController', UseInterceptors(CacheInterceptor))],
  });
