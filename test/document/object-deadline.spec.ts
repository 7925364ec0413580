import { getEventListeners } from 'node:events';
import { expect, it } from '@jest/globals';
import { ObjectDeadline } from '../../src/document/object-deadline.js';
import { ObjectStoreUnavailableError } from '../../src/object/object-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

it('A deadline listens once to a signal that many share, ends with it, and listens to none after it', async () => {
  const ending = new AbortController();
  const deadline = new ObjectDeadline(new FakeClock(), 'objects', 60_000);
  const never = (): Promise<never> => new Promise(() => {});
  const waiting = Array.from({ length: 11 }, () => deadline.of('a document', never, ending.signal));
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(1);
  const told = Promise.allSettled(waiting);
  const reason = new Error('left');
  await deadline.of('another', async () => undefined, ending.signal);
  ending.abort(reason);
  expect(await told).toEqual(waiting.map(() => ({ status: 'rejected', reason })));
  const next = new AbortController();
  await deadline.of('another', async () => undefined, next.signal);
  expect(getEventListeners(next.signal, 'abort')).toEqual([]);
});

it('An object store that takes longer than the deadline is unavailable, and its operation is told so', async () => {
  const clock = new FakeClock();
  const signals: AbortSignal[] = [];
  const late = new ObjectDeadline(clock, 'objects', 60_000).of('document d', (signal) => {
    signals.push(signal);
    return new Promise(() => {});
  });
  const told = expect(late).rejects.toThrow('objects: it took longer than 60000 ms for document d');
  await clock.advance('1m');
  await told;
  await expect(late).rejects.toThrow(ObjectStoreUnavailableError);
  expect(signals[0]?.aborted).toBe(true);
});
