import { expect } from '@jest/globals';
import type { FeedReading, Mark } from '../../src/store/feed.js';

/** A feed that is appended to and read by hand. */
interface HandFeed {
  readonly append: (name: string) => Promise<unknown> | undefined;
  readonly read: (since?: Mark) => Promise<FeedReading>;
}

/** A reader is told of a gap after `lose`, which is given the place that was read before; the feed goes on from there. */
export async function expectGapAfter(
  lose: (mark: Mark | undefined) => unknown,
  { append, read }: HandFeed,
): Promise<void> {
  await append('a');
  const { mark } = await read();
  await append('b');
  await lose(mark);
  await append('c');
  const after = await read(mark);
  expect(after.gap).toBeDefined();
  expect(after.records).toEqual([]);
  // It stands somewhere again, and goes on from there.
  await append('d');
  const on = await read(after.mark);
  expect([on.gap, on.records.map(String)]).toEqual([undefined, ['d']]);
}

/** Where nothing was lost, a reader is told what was appended since, and of no gap. */
export async function expectNoGap({ append, read }: HandFeed): Promise<void> {
  await append('a');
  const { mark } = await read();
  await append('b');
  const on = await read(mark);
  expect([on.gap, on.records.map(String)]).toEqual([undefined, ['b']]);
}
