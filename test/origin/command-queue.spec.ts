import { beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { CommandQueue } from '../../src/origin/command-queue.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const patienceMs = 250;
let clock: FakeClock;
let queue: CommandQueue;
let told: string[];

beforeEach(() => {
  clock = new FakeClock();
  queue = new CommandQueue('shard', clock, 10, patienceMs);
  told = [];
});

function waits(name: string, commands: number, isUrgent = false): void {
  queue.wait(commands, isUrgent).then(
    () => told.push(`${name} starts`),
    (error: unknown) => told.push(`${name}: ${(error as Error).message}`),
  );
}

describe('commands of one shard', () => {
  it('go at once while there is room, and in their order as room is made', async () => {
    expect([queue.take(6), queue.take(4), queue.take(1)]).toEqual([true, true, false]);
    waits('a', 5);
    waits('b', 1);
    expect(queue.take(0)).toBe(false);
    queue.answered(4);
    await setImmediate();
    expect(told).toEqual([]);
    queue.answered(1);
    await setImmediate();
    expect(told).toEqual(['a starts']);
    queue.gone(1);
    await setImmediate();
    expect(told).toEqual(['a starts', 'b starts']);
    expect(queue.take(1)).toBe(false);
  });

  it('that come when all who waited have started wait for their own turn, and start', async () => {
    queue.take(10);
    for (const name of ['a', 'b']) {
      waits(name, 10);
      queue.answered(10);
      await setImmediate();
    }
    expect(told).toEqual(['a starts', 'b starts']);
  });

  it('go first where they are urgent, in their order, and at once where there is room', async () => {
    queue.take(10);
    waits('a', 1);
    waits('first urgent', 1, true);
    waits('second urgent', 1, true);
    queue.answered(1);
    expect([queue.take(1), queue.take(1, true)]).toEqual([false, false]);
    await setImmediate();
    expect(told).toEqual(['first urgent starts']);
    queue.answered(1);
    await setImmediate();
    queue.answered(1);
    // What the answer sets off comes before those who wait.
    expect(queue.take(1, true)).toBe(true);
    await setImmediate();
    expect(told).toEqual(['first urgent starts', 'second urgent starts']);
    queue.answered(1);
    await setImmediate();
    expect(told.at(-1)).toBe('a starts');
  });

  it('go first as well once others that were urgent were told of a silence', async () => {
    queue.take(10);
    waits('a', 1, true);
    await clock.advance(patienceMs - 10);
    waits('b', 1);
    await clock.advance(20);
    waits('c', 1, true);
    queue.answered(1);
    await setImmediate();
    expect(told.map((line) => line.slice(0, 2))).toEqual(['a:', 'c ']);
  });

  it('that are more than all turns go alone', async () => {
    expect(queue.take(11)).toBe(true);
    expect(queue.take(1)).toBe(false);
    waits('a', 20);
    queue.gone(10);
    await setImmediate();
    expect(told).toEqual([]);
    queue.gone(1);
    await setImmediate();
    expect(told).toEqual(['a starts']);
  });

  it('wait as long as anything is answered, and are told when nothing is for a deadline', async () => {
    queue.take(10);
    waits('a', 10);
    for (let turn = 0; turn < 5; turn++) {
      await clock.advance(200);
      queue.answered(0);
      expect(told).toEqual([]);
    }
    waits('b', 10);
    await clock.advance(2 * patienceMs);
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/^a: .*no answer to anybody within 250 ms/);
    expect(told[1]).toMatch(/^b: /);
    expect(clock.waiting).toBe(0);
  });

  it('do not blame the shard for what a busy process has not listened to', async () => {
    // The process stands still for longer than the deadline, and comes to the answer only then.
    const late = (delayMs: number, callback: () => void) => clock.after(delayMs + 2 * patienceMs, callback);
    const { now, monotonic } = clock;
    const sleep = (delayMs: number) => clock.sleep(delayMs);
    queue = new CommandQueue('shard', { now, monotonic, sleep, after: late }, 10, patienceMs);
    queue.take(10);
    waits('a', 10);
    await clock.advance(3 * patienceMs);
    expect(told).toEqual([]);
    queue.answered(10);
    await setImmediate();
    expect(told).toEqual(['a starts']);
  });

  it('that have just come are not told of a silence from before them', async () => {
    queue.take(10);
    waits('a', 10);
    await clock.advance(patienceMs - 10);
    waits('b', 10);
    await clock.advance(20);
    expect(told.map((line) => line.slice(0, 2))).toEqual(['a:']);
    await clock.advance(2 * patienceMs);
    expect(told.map((line) => line.slice(0, 2))).toEqual(['a:', 'b:']);
  });

  it('that wait on when others were told of a silence start in their turn', async () => {
    queue.take(10);
    waits('a', 5);
    waits('b', 10);
    queue.answered(5);
    await setImmediate();
    await clock.advance(patienceMs - 10);
    waits('c', 1);
    await clock.advance(20);
    expect(told.map((line) => line.slice(0, 2))).toEqual(['a ', 'b:']);
    queue.gone(10);
    await setImmediate();
    expect(told.at(-1)).toBe('c starts');
  });
});
