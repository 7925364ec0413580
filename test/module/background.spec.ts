import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RequestScope } from '../../src/near/request-scope.js';
import { cacheModule, start } from '../support/nest-application.js';
import { expectNoCrossings, visitAll, visitors } from './support/visit-all.js';
import { Visits } from './support/visits.js';

/** A worker of a queue: so many jobs at once, one after the other. */
@Injectable()
class QueueWorker {
  constructor(
    private readonly scope: RequestScope,
    private readonly visits: Visits,
  ) {}

  async drain(jobs: number[], concurrency: number): Promise<number[]> {
    const done: number[] = [];
    const lane = async (): Promise<void> => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) done.push(await this.process(job));
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return done;
  }

  private process(id: number): Promise<number> {
    return this.scope.run(() => this.visits.visit(id));
  }
}

describe('Work that no request began', () => {
  let app: INestApplicationContext;
  beforeEach(async () => {
    app = await start({ imports: [cacheModule()], providers: [Visits, QueueWorker] });
  });
  afterEach(() => app.close());

  it('has a scope for each job of a queue', async () => {
    const jobs = Array.from({ length: visitors }, (_, id) => id);
    const done = await app.get(QueueWorker).drain([...jobs], 50);
    expect(done.sort((a, b) => a - b)).toEqual(jobs);
    expectNoCrossings(await app.get(Visits).verdict());
  });

  it('has a scope for each run of a schedule, also when runs overlap or fail', async () => {
    const scope = app.get(RequestScope);
    const visits = app.get(Visits);
    const runs: Promise<unknown>[] = [];
    const tick = (id: number): void =>
      void runs.push(
        scope.run(async () => {
          await visits.visit(id);
          if (id % 2 === 1) throw new Error('a run failed');
        }),
      );
    let ticks = 0;
    const schedule = setInterval(() => tick(ticks++), 1);
    while (ticks < 40) await pause(5);
    clearInterval(schedule);
    const outcomes = await Promise.allSettled(runs);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(Math.floor(ticks / 2));
    expectNoCrossings(await visits.verdict(), ticks);
  });

  it('has a scope in a command, and none outside of one', async () => {
    const visits = app.get(Visits);
    expect(visits.scope.active).toBe(false);
    await visitAll((id) => app.get(RequestScope).run(() => visits.visit(id)), 40);
    expect(visits.scope.active).toBe(false);
    expectNoCrossings(await visits.verdict(), 40);
  });
});

describe('An application context without a server', () => {
  it('starts, runs a command in a scope, and closes', async () => {
    const app = await NestFactory.createApplicationContext(
      { module: class {}, imports: [cacheModule()] },
      { logger: false },
    );
    expect(await app.get(RequestScope).run(() => app.get(RequestScope).active)).toBe(true);
    await app.close();
  });
});
