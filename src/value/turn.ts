import { setImmediate as immediate } from 'node:timers';

/**
 * `process.nextTick` of the program's start. Fake timers, Jest's by default, replace it as they do `queueMicrotask`, and hold what is called by it until the test says
 * so: a write, or the bytes that a socket is to send, would never leave. No time passes until the end of a turn, so nothing is to be shifted there.
 */
export const nextTick = process.nextTick.bind(process);

/** `queueMicrotask`, which fake timers don't hold. */
export function soon(callback: () => void): void {
  void Promise.resolve().then(callback);
}

/** `setImmediate`, which fake timers don't hold: what waits there for the next turn of the loop when they are put aside never runs. */
export const setImmediate = immediate;
