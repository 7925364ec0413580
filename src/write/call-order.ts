/**
 * The order of calls for one key, where one of them has to wait for something before it is sent: 1. `set` of an entry with tags asks for their generations,
 * or an earlier `delete` of its key is being sent again; 2. `delete` of its key is called; 3. the generations come, or that one is answered. The set is sent first.
 */
export class CallOrder {
  private readonly asking = new Map<string, Promise<unknown>>();

  /** Runs `ask` behind what was called earlier for these keys, and at once where nothing was. */
  after<R>(ids: readonly string[], ask: () => R | Promise<R>): R | Promise<R> {
    const earlier = this.behind(ids);
    const asked = earlier ? earlier.then(ask) : ask();
    if (!(asked instanceof Promise)) return asked;
    const settled: Promise<void> = asked.then(ignore, ignore).then(() => {
      for (const id of ids) if (this.asking.get(id) === settled) this.asking.delete(id);
    });
    for (const id of ids) this.asking.set(id, settled);
    return asked;
  }

  /** Resolves when what was called earlier for these keys is being sent; undefined: nothing is in the way. */
  behind(ids: readonly string[]): Promise<unknown> | undefined {
    if (this.asking.size === 0) return undefined;
    const earlier = ids.map((id) => this.asking.get(id)).filter((one) => one !== undefined);
    return earlier.length === 0 ? undefined : Promise.all(earlier);
  }
}

function ignore(): void {}
