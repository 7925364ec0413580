import 'reflect-metadata';
import type { AddressInfo, Server } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { TieredCacheError } from 'nestjs-tiered-cache';
import { AppModule } from './app.module.js';
import './catalogue/catalogue.js';
import { Configuration } from './configuration.js';

// node dist/main.js: serves on PORT of this host until SIGTERM, and prints {"service","port","address"} as one line when it is ready.
try {
  const app = await NestFactory.create(AppModule, { abortOnError: false, logger: ['warn', 'error'] });
  app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
  await app.listen(app.get(Configuration).port, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  console.log(JSON.stringify({ service: 'file-service', port, address: `http://127.0.0.1:${port}` }));
} catch (error) {
  console.error(error instanceof TieredCacheError ? error.message : error);
  process.exit(1);
}
