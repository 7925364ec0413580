import { Controller, Get, Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LoadTimeoutError } from 'nestjs-tiered-cache';
import { ProblemFilter } from '../src/http/problem.filter.js';
import { request } from './support/example-process.js';

@Controller()
class Slow {
  @Get()
  read(): never {
    throw new LoadTimeoutError('content:edX+DemoX', 30_000, 'maxLoad');
  }
}

@Module({ controllers: [Slow], providers: [{ provide: APP_FILTER, useClass: ProblemFilter }] })
class SlowModule {}

describe('What clients are told of a failure', () => {
  let application: INestApplication;
  beforeAll(async () => {
    application = await NestFactory.create(SlowModule, { logger: false });
    await application.listen(0, '127.0.0.1');
  });
  afterAll(() => application.close());

  it('is 504, without the key, where a load took longer than its callers wait', async () => {
    const { status, body } = await request('GET', await application.getUrl());
    expect([status, body]).toEqual([504, { detail: 'This takes too long. Try again later.' }]);
  });
});
