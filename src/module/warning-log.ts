import { Logger } from '@nestjs/common';
import { systemClock } from '../value/clock.js';
import type { Clock, Timer } from '../value/clock.js';
import { onCacheEvent } from '../value/events.js';
import type { CacheEvents } from '../value/events.js';
import { messageOf } from '../value/message-of.js';
import { safeLine } from '../value/safe-text.js';

/** How long one kind of trouble of one source is silent after it was said. */
const windowMs = 30_000;

interface Window {
  left: number;
  last: string;
  timer: Timer;
}

/** Says what readers were spared, and which invalidations were lost: each kind of each source once per window, then how many there were. */
export class WarningLog {
  private readonly windows = new Map<string, Window>();
  private readonly stops: (() => void)[];

  constructor(
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
    private readonly clock: Clock = systemClock,
  ) {
    this.stops = [
      onCacheEvent('fault', (fault) => this.warn(`${fault.kind} ${fault.source}`, sentenceOf(fault))),
      onCacheEvent('writeGivenUp', ({ cache, key, reason }) =>
        this.warn(`given-up ${cache}`, `${cache}: an invalidation was lost (${reason}): ${key}`),
      ),
      onCacheEvent('serversChanged', ({ store, source, version, servers }) => {
        const which = version === undefined ? '' : ` (version ${version})`;
        this.logger.log(safeLine(`${store}: ${source} names its servers${which}: ${servers.join(', ')}`));
      }),
      onCacheEvent('breaker', ({ shard, state }) => {
        if (state === 'closed' && this.windows.has(`unavailable ${shard}`))
          this.logger.log(safeLine(`${shard}: it answers again`));
      }),
    ];
  }

  /** Says what was left out so far, and no more. */
  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
    for (const window of this.windows.values()) {
      window.timer.cancel();
      this.sum(window);
    }
    this.windows.clear();
  }

  private warn(id: string, said: string): void {
    // What a server or a file said may look like a line of its own, or steer a terminal.
    const sentence = safeLine(said);
    const window = this.windows.get(id);
    if (window) {
      window.left++;
      window.last = sentence;
      return;
    }
    this.windows.set(id, { left: 0, last: sentence, timer: this.endLater(id) });
    this.logger.warn(sentence);
  }

  private endLater(id: string): Timer {
    return this.clock.after(windowMs, () => {
      const window = this.windows.get(id);
      if (!window) return;
      if (window.left === 0) return void this.windows.delete(id);
      this.sum(window);
      window.left = 0;
      window.timer = this.endLater(id);
    });
  }

  private sum({ left, last }: Window): void {
    if (left > 0) this.logger.warn(`${last} (${left} of these since the last line)`);
  }
}

/** Without the cause's message: what a loader or a decoder says may hold what it read. */
function sentenceOf({ source, kind, message, key, cause }: CacheEvents['fault']): string {
  const said = message.startsWith(source) ? message : `${source}: ${message}`;
  const facts = [kind, key, nameOf(cause, message)];
  return `${said} (${facts.filter((fact) => fact !== undefined).join(', ')})`;
}

/** Unless the message says it already. Anything can be thrown, also an error that can't be read. */
function nameOf(cause: unknown, message: string): string | undefined {
  if (!(cause instanceof Error) || message.includes(messageOf(cause))) return undefined;
  try {
    return String(cause.name);
  } catch {
    return undefined;
  }
}

let users = 0;
let shared: WarningLog | undefined;

/** The events are the process's: whoever asks shares one log. It ends when all have called the returned function. */
export function shareWarnings(): () => void {
  if (users++ === 0) shared = new WarningLog(new Logger('TieredCache'));
  let isUser = true;
  return () => {
    if (!isUser) return;
    isUser = false;
    if (--users === 0) shared?.stop();
  };
}
