// An application on the platform that this run is about, and what asks it.
import { Module } from '@nestjs/common';
import type { DynamicModule, INestApplication, ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { memoryStore, TieredCacheModule } from 'nestjs-tiered-cache';
import type { TieredCacheOptions } from 'nestjs-tiered-cache';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export type Ask = (path: string, headers?: Record<string, string>) => Promise<Answer>;

/** The module with a store that ends with the application. */
export const inMemory = (options: TieredCacheOptions = {}): DynamicModule =>
  TieredCacheModule.forRoot({ stores: memoryStore(), ...options });

async function create(metadata: ModuleMetadata): Promise<INestApplication> {
  @Module(metadata)
  class AppModule {}
  const logger: ('warn' | 'error')[] = ['warn', 'error'];
  if (process.env['PLATFORM'] !== 'fastify') return NestFactory.create(AppModule, { logger });
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return NestFactory.create(AppModule, new FastifyAdapter(), { logger });
}

/** Makes an application, prepares and starts it, hands it over, and ends it. */
export async function withApplication(
  metadata: ModuleMetadata,
  use: (ask: Ask, app: INestApplication) => Promise<void>,
  prepare?: (app: INestApplication) => Promise<void>,
): Promise<void> {
  const app = await create(metadata);
  try {
    await prepare?.(app);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const ask: Ask = async (path, headers = {}) => {
      const response = await fetch(`${url}${path}`, { headers });
      return { status: response.status, headers: response.headers, text: await response.text() };
    };
    await use(ask, app);
  } finally {
    await app.close();
  }
}

/** Resolves for everybody once so many have called it. */
export function meeting(ofHowMany: number): () => Promise<void> {
  let arrived = 0;
  let open = (): void => {};
  const all = new Promise<void>((resolve) => (open = resolve));
  return () => {
    if (++arrived === ofHowMany) open();
    return all;
  };
}
