import type { Store } from '../store/store.js';

/** A store that several were given: caches, and locks that have it to themselves. The first of them opens it, and the last closes it. */
export class SharedStore {
  private readonly users = new Set<object>();
  /** It connects when it is asked, too: what nobody has opened is closed as well. */
  private state: 'unopened' | 'open' | 'closed' = 'unopened';
  /** One opening or closing at a time. */
  private turn: Promise<void> = Promise.resolve();

  /** @param store is opened and closed. @param guard is what its users ask. */
  constructor(
    private readonly store: Store,
    private readonly guard: Store,
  ) {}

  /** Also while it is being closed. */
  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** For one user, whose second opening or closing counts for nothing. */
  forUser(): Store {
    const user = { ...this.guard };
    user.open = async () => {
      this.users.add(user);
      try {
        await this.settle();
      } catch (error) {
        this.users.delete(user);
        throw error;
      }
    };
    user.close = () => {
      this.users.delete(user);
      return this.settle();
    };
    return user;
  }

  private settle(): Promise<void> {
    const settled = this.turn.then(() => this.openOrClose());
    this.turn = settled.catch(() => undefined);
    return settled;
  }

  private async openOrClose(): Promise<void> {
    if (this.users.size > 0) {
      if (this.state === 'open') return;
      this.state = 'unopened';
      await this.store.open();
      this.state = 'open';
    } else if (this.state !== 'closed') {
      this.state = 'closed';
      await this.store.close();
    }
  }
}
