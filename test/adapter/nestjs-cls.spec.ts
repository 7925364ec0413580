import type { ClsModuleOptions } from 'nestjs-cls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { platforms } from '../support/nest-application.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { expectNoCrossings, visitAll } from '../module/support/visit-all.js';
import type { Verdict } from '../module/support/visits.js';
import type { ClsApplication } from './support/nestjs-cls-application.js';

const middleware: ClsModuleOptions = { middleware: { mount: true } };
const everything: ClsModuleOptions = { ...middleware, guard: { mount: true }, interceptor: { mount: true } };

const arrangements: readonly [string, Omit<ClsApplication, 'platform'>, number][] = [
  ['its middleware', { cls: middleware, cacheFirst: false }, 200],
  ['its middleware, guard and interceptor', { cls: everything, cacheFirst: false }, 200],
  ['the same, imported after the cache', { cls: everything, cacheFirst: true }, 40],
  ['its middleware that enters', { cls: { middleware: { mount: true, useEnterWith: true } }, cacheFirst: false }, 40],
];

// In a process of its own: nestjs-cls is CommonJS and requires Nest's ES modules, which Node can and Jest's loader can't before Node 24.9.
let worker: WorkerProcess;
beforeAll(async () => {
  worker = await startWorker(new URL('./support/nestjs-cls-worker.ts', import.meta.url));
});
afterAll(() => worker.kill());

describe.each(platforms)('The scope in the context of nestjs-cls, on %s', (platform) => {
  it.each(arrangements)('with %s: no crossings, and one scope each', async (_name, arrangement, count) => {
    const url = await worker.call<string>('start', { platform, ...arrangement });
    await visitAll(async (id) => {
      const answer = (await (await fetch(`${url}/visits/${id}`)).json()) as { id: number; seen: string };
      expect(answer.seen).toBe('by the guard');
      return answer.id;
    }, count);
    expectNoCrossings(await worker.call<Verdict>('verdict'), count);
  });
});

describe('A scope in a context of nestjs-cls', () => {
  it('is no other’s who shares the context, and what is set in it is set in the context', async () => {
    expect(await worker.call('besides')).toEqual({
      'in the job': ['a', true],
      'in a child context': [7, true],
      'left by the job': ['a', false],
      keys: ['team', 'result'],
      has: [true, false],
      'beside the job': false,
      'after the job': [7, false],
    });
  });

  it('is kept in the context of the request that it is opened for, and in no other', async () => {
    expect(await worker.call('backInContext')).toEqual({
      'of the request': true,
      'of another request': false,
      'of a message': false,
    });
  });

  it('makes a context where there is none', async () => {
    expect(await worker.call('alone')).toEqual({ inside: [true, true], outside: [false, false] });
  });
});
