import { once } from 'node:events';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { expectNoCrossings, visitAll } from './support/visit-all.js';
import type { Verdict } from './support/visits.js';

describe('GraphQL', () => {
  // In a process of its own: mercurius is CommonJS and requires ES modules, which Node can and Jest's loader can't before Node 24.9.
  let worker: WorkerProcess;
  let url: string;
  beforeAll(async () => {
    worker = await startWorker(new URL('./support/graphql-worker.ts', import.meta.url));
    url = `${await worker.call<string>('start')}/graphql`;
  });
  afterAll(async () => expect(await worker.stop()).toBe('0'));

  const post = async <R>(query: string): Promise<{ data: R; errors?: unknown }> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return (await response.json()) as { data: R; errors?: unknown };
  };
  const ask = async <R>(query: string): Promise<R> => {
    const { data, errors } = await post<R>(query);
    expect(errors).toBeUndefined();
    return data;
  };

  it('gives each operation one scope, which all of its resolvers share', async () => {
    await visitAll(async (id) => {
      const operation = `mutation { enter(id: ${id}) { id left right } again(id: ${id}) }`;
      const answer = await ask<{ enter: object; again: number }>(operation);
      expect(answer.enter).toEqual({ id, left: id, right: id });
      return answer.again;
    });
    expectNoCrossings(await worker.call<Verdict>('verdict'));
    expect(await ask('{ active }')).toEqual({ active: true });
  });

  it('says in words that a lock is held', async () => {
    const { errors } = await post('{ locked }');
    expect(errors).toMatchObject([{ message: 'This resource is locked by another request.', path: ['locked'] }]);
  });

  it('lets no scope span the events of a connection', async () => {
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
    const ticks: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      let open = 3;
      socket.on('message', (text: Buffer) => {
        const { type, payload } = JSON.parse(text.toString()) as {
          type: string;
          payload?: { data: { ticks: unknown } };
        };
        if (type === 'connection_ack') for (let id = 0; id < open; id++) subscribe(`${id}`);
        if (type === 'next') ticks.push(payload?.data.ticks);
        if (type === 'complete' && --open === 0) resolve();
      });
    });
    const subscribe = (id: string): void =>
      socket.send(
        JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { ticks { seenBefore } }' } }),
      );
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init' })));
    await done;
    expect(ticks).toEqual(Array.from({ length: 15 }, () => ({ seenBefore: null })));
    socket.close();
    await once(socket, 'close');
  });
});
