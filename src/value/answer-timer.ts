import type { Clock, Timer } from './clock.js';
import { setImmediate } from './turn.js';

/** A deadline that was found to be over by more than this was kept by a loop that was blocked. */
export const blockedMs = 50;

/**
 * Calls back unless it is cancelled by an answer within so long. What a blocked loop did not read is not the failure of whoever was asked: timers come
 * before what has arrived is read, so this waits for two turns of the loop after its own; and where the loop was blocked it begins once more, and only once.
 */
export function answerTimer(clock: Clock, limitMs: number, unanswered: () => void): Timer {
  let isOver = false;
  let wasPutOff = false;
  let timer: Timer;
  const decide = (): void => {
    if (isOver) return;
    isOver = true;
    unanswered();
  };
  const arm = (): void => {
    const dueAt = clock.monotonic() + limitMs;
    timer = clock.after(limitMs, () => {
      const isBlocked = !wasPutOff && clock.monotonic() - dueAt > blockedMs;
      wasPutOff = isBlocked;
      if (isBlocked) arm();
      else setImmediate(() => setImmediate(decide));
    });
  };
  arm();
  return {
    cancel: () => {
      isOver = true;
      timer.cancel();
    },
  };
}
