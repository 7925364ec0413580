import { Logger } from '@nestjs/common';
import { systemClock } from '../value/clock.js';
import type { Clock, Timer } from '../value/clock.js';
import { onCacheEvent } from '../value/events.js';
import type { CacheEvents } from '../value/events.js';
import { messageOf } from '../value/message-of.js';
import { safeLine } from '../value/safe-text.js';

/** How long one kind of trouble of one source is silent after it was said. */
const windowMs = 30_000;
/** Some faults are reported once in the life of a process: what comes within another's window is said at its end. A flood of keys must not become one of lines. */
const maxSentences = 10;

const failuresOf = (shard: string): string => `unavailable ${shard}`;

/** Begins the ids of what is said of invalidations that wait: it is over once they arrive or are lost. */
const resent = 'write-unacknowledged';

interface Window {
  /** At once. */
  readonly said: Set<string>;
  /** How often each was left out. */
  readonly left: Map<string, number>;
  /** Beyond the most that a window keeps. */
  others: number;
  /** Since when, on the monotonic clock. */
  since: number;
  /** Something was said of it before its end: once, or what comes and goes would fill the log. */
  isSummedUp: boolean;
  /** Nothing was said of it since its source answered again. */
  isOver: boolean;
  timer: Timer;
}

/**
 * Says what readers were spared, and which invalidations were lost: of each kind of each source the first at once, as another reason after its end, and at the end of
 * its window each that was left out, and how often.
 */
export class WarningLog {
  private readonly windows = new Map<string, Window>();
  private readonly stops: (() => void)[];

  constructor(
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
    private readonly clock: Clock = systemClock,
  ) {
    this.stops = [
      onCacheEvent('fault', (fault) => this.warn(`${fault.kind} ${fault.source}`, sentenceOf(fault))),
      onCacheEvent('writeGivenUp', (lost) => {
        this.sumUpEarly(`${resent} ${lost.cache}`);
        this.warn(`given-up ${lost.cache}`, lossOf(lost));
      }),
      onCacheEvent('serversChanged', ({ store, source, version, servers }) => {
        const which = version === undefined ? '' : ` (version ${version})`;
        this.logger.log(safeLine(`${store}: ${source} names its servers${which}: ${servers.join(', ')}`));
      }),
      onCacheEvent('breaker', ({ shard, state }) => {
        if (state === 'closed') this.answersAgain(shard);
      }),
      // Few failures open no breaker.
      onCacheEvent('logRead', ({ shard, answered }) => {
        if (answered && this.windows.get(failuresOf(shard))?.isOver === false) this.answersAgain(shard);
      }),
    ];
  }

  private answersAgain(shard: string): void {
    const window = this.windows.get(failuresOf(shard));
    if (!window) return;
    this.sumUpEarly(failuresOf(shard));
    for (const id of this.windows.keys()) if (id.startsWith(`${resent} `)) this.sumUpEarly(id);
    this.logger.log(safeLine(`${shard}: it answers again`));
    window.isOver = true;
  }

  /** Says what was left out so far, and no more. */
  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
    for (const [id, window] of this.windows) {
      window.timer.cancel();
      this.sumUp(id);
    }
    this.windows.clear();
  }

  private warn(id: string, said: string): void {
    // What a server or a file said may look like a line of its own, or steer a terminal.
    const sentence = safeLine(said);
    const window = this.windows.get(id);
    if (!window) {
      this.windows.set(id, {
        said: new Set([sentence]),
        left: new Map([[sentence, 0]]),
        others: 0,
        since: this.clock.monotonic(),
        isSummedUp: false,
        isOver: false,
        timer: this.endLater(id),
      });
      this.logger.warn(sentence);
      return;
    }
    const times = window.left.get(sentence);
    // The last that was said is that it is over.
    if (window.isOver && !window.said.has(sentence) && window.said.size < maxSentences) {
      window.said.add(sentence);
      window.isOver = false;
      this.logger.warn(sentence);
      return;
    }
    if (times === undefined && window.left.size >= maxSentences) window.others++;
    else window.left.set(sentence, (times ?? 0) + 1);
  }

  private endLater(id: string): Timer {
    return this.clock.after(windowMs, () => {
      const window = this.windows.get(id);
      if (!window) return;
      if (!this.sumUp(id)) return void this.windows.delete(id);
      window.isSummedUp = false;
      window.isOver = false;
      window.timer = this.endLater(id);
    });
  }

  private sumUpEarly(id: string): void {
    const window = this.windows.get(id);
    if (!window || window.isSummedUp) return;
    window.isSummedUp = this.sumUp(id);
  }

  /** Says what was left out, as what was: by now it may be over. Before the line that says that it is. @returns whether anything was left out. */
  private sumUp(id: string): boolean {
    const window = this.windows.get(id);
    if (!window) return false;
    const { left, others, since } = window;
    const seconds = Math.max(1, Math.round((this.clock.monotonic() - since) / 1_000));
    const leftOut = [...left].filter(([, times]) => times > 0);
    for (const [sentence, times] of leftOut)
      this.logger.warn(`${times.toLocaleString('en-US')} more in the last ${seconds} s: ${sentence}`);
    if (others > 0) this.logger.warn(safeLine(`${id}: ${others.toLocaleString('en-US')} others were left out`));
    left.clear();
    window.others = 0;
    window.since = this.clock.monotonic();
    return leftOut.length > 0;
  }
}

const lossOf = ({ cache, key, reason }: CacheEvents['writeGivenUp']): string =>
  `${cache}: an invalidation was lost (${reason}): ${key}`;

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
let endLastWord: (() => void) | undefined;

/**
 * The events are the process's: whoever asks shares one log. It ends when all have called the returned function. The first invalidation that is lost
 * after that is still said, until another application starts: a module that ends later than the cache may have asked for it.
 */
export function shareWarnings(isWanted: boolean): () => void {
  endLastWord?.();
  if (!isWanted) return () => {};
  if (users++ === 0) shared = new WarningLog(new Logger('TieredCache'));
  let isUser = true;
  return () => {
    if (!isUser) return;
    isUser = false;
    if (--users > 0) return;
    shared?.stop();
    let isSaid = false;
    endLastWord = onCacheEvent('writeGivenUp', (lost) => {
      if (!isSaid) new Logger('TieredCache').warn(safeLine(lossOf(lost)));
      isSaid = true;
    });
  };
}
