import { reportFault } from './events.js';

/** Tells each message once, however often it is true. What it is told to may throw: that is a fault, and the message is told again. */
export class ToldOnce {
  private readonly told = new Set<string>();

  constructor(
    private readonly source: string,
    private readonly tell: (message: string) => void,
  ) {}

  all(messages: readonly string[]): void {
    for (const message of messages) {
      if (this.told.has(message)) continue;
      try {
        this.tell(message);
        this.told.add(message);
      } catch (cause) {
        reportFault({ source: this.source, kind: 'degraded', message: `onWarning threw at: ${message}`, cause });
      }
    }
  }
}
