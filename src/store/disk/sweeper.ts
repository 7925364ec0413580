import type { Clock } from '../../value/clock.js';
import { janitorKey, randomPlace } from './disk-key.js';
import { itemKind } from './disk-record.js';
import type { Environment } from './environment.js';
import { neighbours } from './neighbours.js';
import type { WriteQueue } from './write-queue.js';

const runLength = 500;
const budgetMs = 4;
const maxRunsPerSweep = 10;
/** A process that sweeps keeps the office for so long; if it dies, another takes it then. */
const officeMs = 10_000;

/**
 * Removes what has expired and was never read again, by walking through the items a run at a time. While more than a tenth of a run
 * was expired the walk goes on at once. One process of the host does it: whoever holds the office, a record that expires.
 */
export class Sweeper {
  private place: Uint8Array;
  private officeUntil = 0;

  constructor(
    private readonly environment: Environment,
    private readonly queue: WriteQueue,
    private readonly clock: Clock,
    random: () => number,
    private readonly self: string,
  ) {
    this.place = randomPlace(random);
  }

  /** One step; rejects with StoreUnavailableError when a removal can't be written. */
  async sweep(): Promise<void> {
    if (!(await this.inOffice())) return;
    for (let run = 0; run < maxRunsPerSweep; run++) {
      const found = neighbours(this.environment, this.place, runLength, { clock: this.clock, budgetMs });
      this.place = found.at(-1)?.key ?? Uint8Array.of(0, 0, 0, 0);
      const now = this.clock.now();
      const expired = found.filter(({ expiresAt }) => !(now < expiresAt));
      if (expired.length > 0) await this.remove(expired.map(({ key }) => key));
      if (expired.length * 10 <= found.length) return;
    }
  }

  private async remove(keys: readonly Uint8Array[]): Promise<void> {
    await Promise.all(
      keys.map((key) =>
        this.queue.run<void>({
          key,
          // Written anew since it was seen: it stays.
          decide: (present) => (present ? { answer: undefined } : { answer: undefined, remove: true }),
        }),
      ),
    );
  }

  private async inOffice(): Promise<boolean> {
    const now = this.clock.now();
    if (now < this.officeUntil - officeMs / 2) return true;
    const until = now + officeMs;
    const granted = await this.queue.run<boolean>({
      key: janitorKey,
      decide: (present) =>
        present && present.copyBytes().toString('latin1') !== this.self
          ? { answer: false }
          : {
              answer: () => true,
              put: { bytes: Buffer.from(this.self, 'latin1'), expiresAt: until, kind: itemKind },
            },
    });
    this.officeUntil = granted ? until : 0;
    return granted;
  }
}
