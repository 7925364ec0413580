import type { Key } from '../key/key.js';
import { reportFault } from '../value/events.js';

const maxWarnings = 1_000;

/** Tells once for each kind of key that its loads take longer than what they load may live: nothing of it is ever kept. */
export class ShortLives {
  private readonly warned = new Set<string>();

  constructor(private readonly cache: string) {}

  note(key: Key): void {
    const kind = key.text.split(':', 1)[0] as string;
    if (this.warned.has(kind) || this.warned.size >= maxWarnings) return;
    this.warned.add(kind);
    const message = 'A load took longer than its ttl: the value was over before it was there. Give it a longer ttl.';
    reportFault({ source: this.cache, kind: 'degraded', message, key: key.text });
  }
}
