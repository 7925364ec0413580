import { KeySpace } from '../key/key-space.js';
import type { Clock, Timer } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import { reportFault } from '../value/events.js';

/** An operator's stamp, or a function that tells it: asked at most once a second. Empty and undefined are "no stamp".
 * One that throws stops start-up; later the stamp stays what it was, with a fault event. */
export type VersionStamp = string | (() => string | undefined) | undefined;

const recheckMs = 1_000;

/** The key space of the version that is in force. A stamp that changes while the process runs changes every key at once. */
export class VersionedKeySpace {
  private space: KeySpace;
  private checkedAt: number;
  private timer: Timer | undefined;

  constructor(
    private readonly namespace: string,
    private readonly packageVersion: string,
    private readonly stamp: VersionStamp,
    private readonly format: string,
    private readonly clock: Clock,
    private readonly onChange: () => void,
  ) {
    this.space = new KeySpace(namespace, packageVersion, this.read(), format);
    this.checkedAt = clock.now();
    if (typeof stamp === 'function') this.recheckEverySecond();
  }

  current(): KeySpace {
    if (typeof this.stamp === 'function' && this.clock.now() - this.checkedAt >= recheckMs) this.recheck();
    return this.space;
  }

  close(): void {
    this.timer?.cancel();
  }

  private recheck(): void {
    this.checkedAt = this.clock.now();
    let stamp: string | undefined;
    try {
      stamp = this.read();
    } catch (cause) {
      // Keys of a version that nobody asked for would be worse than those of the last one that was known.
      reportFault({ source: this.namespace, kind: 'degraded', message: 'The version stamp could not be read.', cause });
      return;
    }
    if (stamp === this.space.versionStamp) return;
    this.space = new KeySpace(this.namespace, this.packageVersion, stamp, this.format);
    this.onChange();
  }

  /** Hits of the process tier ask nobody for the version, so the change must come to them. */
  private recheckEverySecond(): void {
    this.timer = this.clock.after(recheckMs, () => {
      this.recheck();
      this.recheckEverySecond();
    });
  }

  private read(): string | undefined {
    const stamp = typeof this.stamp === 'function' ? this.stamp() : this.stamp;
    if (stamp === undefined || stamp === '') return undefined;
    if (typeof stamp === 'string' && stamp.isWellFormed()) return stamp;
    throw new InvalidOptionError('versionStamp', 'it is not a text', "Give a text such as '20230607123455'.");
  }
}
