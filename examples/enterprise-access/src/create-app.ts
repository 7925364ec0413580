import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { Configuration } from './configuration/configuration.js';
import { ServiceLogger } from './http/service-logger.js';

/** The service on Express or, with `HTTP_ADAPTER=fastify`, on Fastify. @throws what stops start-up, naming the variable. */
export async function createApp(): Promise<{ app: INestApplication; configuration: Configuration }> {
  const app = await create(new Configuration().httpAdapter);
  app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
  return { app, configuration: app.get(Configuration) };
}

const options = { abortOnError: false, logger: new ServiceLogger() };

async function create(adapter: Configuration['httpAdapter']): Promise<INestApplication> {
  if (adapter === 'express') return NestFactory.create(AppModule, options);
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  // Content keys are longer than the 100 characters that Fastify takes for a parameter.
  const fastify = new FastifyAdapter({ routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 } });
  return NestFactory.create(AppModule, fastify, options);
}
