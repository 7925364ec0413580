/** Calls that are under way, for whoever ends what they use. */
export class CallsUnderWay {
  private readonly calls = new Set<Promise<unknown>>();

  track<R>(call: Promise<R>): Promise<R> {
    const ended = (): void => void this.calls.delete(call);
    this.calls.add(call);
    call.then(ended, ended);
    return call;
  }

  /** Resolves when those of now have ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.calls);
  }
}
