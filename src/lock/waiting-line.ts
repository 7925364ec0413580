/** One who waits, in the order of arrival. */
interface Waiter {
  proceed(): void;
}

/**
 * Lets one caller of this process at a time ask the store for a lock: the others stand in line and cost it nothing. Whoever releases the lock here
 * wakes the one who is asking.
 */
export class WaitingLine {
  private readonly lines = new Map<string, Waiter[]>();
  private readonly sleepers = new Map<string, AbortController>();

  isEmpty(lockKey: string): boolean {
    return !this.lines.has(lockKey);
  }

  /** Resolves when it is the caller's turn, or `signal` aborts; the caller then leaves the line either way. */
  async enter(lockKey: string, signal: AbortSignal): Promise<{ leave(): void }> {
    const line = this.lines.get(lockKey) ?? [];
    this.lines.set(lockKey, line);
    const waiter: Waiter = { proceed: () => {} };
    const turn = new Promise<void>((resolve) => {
      waiter.proceed = resolve;
      if (line.length === 0) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    line.push(waiter);
    await turn;
    return { leave: () => this.leave(lockKey, line, waiter) };
  }

  /** A signal that aborts when the lock is released here: for the sleep between two tries. */
  sleeping(lockKey: string): AbortController {
    const controller = new AbortController();
    this.sleepers.set(lockKey, controller);
    return controller;
  }

  released(lockKey: string): void {
    this.sleepers.get(lockKey)?.abort();
    this.sleepers.delete(lockKey);
  }

  private leave(lockKey: string, line: Waiter[], waiter: Waiter): void {
    line.splice(line.indexOf(waiter), 1);
    if (line.length === 0) this.lines.delete(lockKey);
    else line[0]?.proceed();
  }
}
