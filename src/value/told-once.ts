/** Tells each message once, however often it is true. */
export class ToldOnce {
  private readonly told = new Set<string>();

  constructor(private readonly tell: (message: string) => void) {}

  all(messages: readonly string[]): void {
    for (const message of messages) {
      if (this.told.has(message)) continue;
      this.told.add(message);
      this.tell(message);
    }
  }
}
