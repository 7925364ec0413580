import { Readable } from 'node:stream';
import type { Clock } from '../value/clock.js';
import { onAbort } from '../value/on-abort.js';
import { ObjectDamagedError, ObjectStoreUnavailableError } from './object-errors.js';
import type { ByteRange, ObjectChecksum } from './object-store.js';
import { asError } from './outgoing-body.js';
import type { RestingBodies } from './resting-bodies.js';
import { RunningChecksum } from './running-checksum.js';
import { StallTimer } from './stall-timer.js';

/** A stretch of bytes on its way, from one connection. */
export interface Stretch {
  readonly body: Readable;
  /** Ends the connection. Repeating it does nothing. */
  release(): void;
}

/** What a body needs to know of the object that it carries. */
export interface ResumedBodyOptions {
  /** The store's name, for errors. */
  readonly store: string;
  readonly key: string;
  /** The bytes that the body carries. Not empty. */
  readonly range: Required<ByteRange>;
  readonly first: Stretch;
  /**
   * Opens the rest, from a byte on, of the same version. It rejects with ObjectStoreUnavailableError when another try may help; any other
   * rejection is final.
   */
  readonly resume: (start: number, signal: AbortSignal) => Promise<Stretch>;
  /** Of exactly these bytes; `undefined`: not known. */
  readonly checksum: ObjectChecksum | undefined;
  readonly signal: AbortSignal | undefined;
  /** Where it is found while nobody reads it, by whoever needs its connection. */
  readonly resting: RestingBodies;
  readonly clock: Clock;
  /** From 0 to 1, to spread the tries of many readers. */
  readonly random: () => number;
  readonly tuning: BodyTuning;
}

/** Tests change these, to see what each is for. */
export interface BodyTuning {
  /** How long a source may be silent while bytes are asked for. Infinity: for ever. */
  readonly stallMs: number;
  /** How long to wait before each try in a row to resume. Their number is the number of tries. */
  readonly pausesMs: readonly number[];
  /** Whether a stretch that ends well and early is resumed, rather than taken for the whole. */
  readonly checksSize: boolean;
}

/** So many bytes since the last interruption, and the tries count from the first again. */
const progressBytes = 2 ** 20;

/**
 * A body that outlives its connections: one that is cut, ends early or stalls is replaced by another that goes on at the next byte. It ends only
 * when all bytes have come; the last of them are held back until the source has ended well and the checksum, where one is known, is right.
 */
export class ResumedBody extends Readable {
  /** The next byte, counted in the object. */
  private at: number;
  private stretch: Stretch | undefined;
  private held: Buffer | undefined;
  private wanted = false;
  private goesOn = false;
  private ended = false;
  private tries = 0;
  private pauseMs = 0;
  private resumedAt: number;
  private readonly checksum: RunningChecksum | undefined;
  private readonly stall: StallTimer;
  private readonly ending = new AbortController();
  private stopListening: (() => void) | undefined;

  constructor(private readonly options: ResumedBodyOptions) {
    super({ objectMode: false });
    this.at = options.range.start;
    this.resumedAt = this.at;
    this.checksum = options.checksum && new RunningChecksum(options.checksum);
    this.stall = new StallTimer(options.clock, options.tuning.stallMs, () => this.onStall());
    this.attach(options.first);
    const { signal } = options;
    const leave = (): void => void this.destroy(asError(signal?.reason));
    if (signal?.aborted) leave();
    else if (signal) this.stopListening = onAbort(signal, leave);
  }

  override _read(): void {
    this.wanted = true;
    if (this.stretch) this.flow(this.stretch);
    else if (!this.goesOn && !this.ended) void this.goOn();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.stopListening?.();
    this.ending.abort();
    this.detach();
    callback(error);
  }

  private attach(stretch: Stretch): void {
    this.stretch = stretch;
    stretch.body.on('data', this.onData).on('end', this.onEnd).on('error', this.onError).on('close', this.onClose);
    stretch.body.pause();
    if (this.wanted) this.flow(stretch);
    else this.options.resting.add(this.letGo, this.options.clock);
  }

  private flow({ body }: Stretch): void {
    this.options.resting.delete(this.letGo);
    this.stall.ask();
    body.resume();
  }

  /** Lets go of the connection, whose late words are not heard. One at its end goes back to its pool and is left alone. */
  private detach(): void {
    this.stall.rest();
    this.options.resting.delete(this.letGo);
    const { stretch } = this;
    if (!stretch) return;
    this.stretch = undefined;
    const { body } = stretch;
    body.off('data', this.onData).off('end', this.onEnd).off('error', this.onError).off('close', this.onClose);
    body.on('error', () => undefined);
    if (body.readableEnded) return;
    body.destroy();
    stretch.release();
  }

  private readonly onData = (chunk: Buffer): void => {
    this.stall.hear();
    const leftBytes = this.options.range.end + 1 - this.at;
    if (chunk.length > leftBytes) return this.fail('the store sent more bytes than the object has');
    this.at += chunk.length;
    this.checksum?.update(chunk);
    if (this.at - this.resumedAt >= progressBytes) this.tries = 0;
    if (chunk.length === leftBytes) {
      this.held = chunk;
      return;
    }
    this.wanted = this.push(chunk);
    if (this.wanted) return;
    this.stretch?.body.pause();
    this.stall.rest();
    this.options.resting.add(this.letGo, this.options.clock);
  };

  /** While nobody reads. That costs no try. */
  private readonly letGo = (): void => {
    this.detach();
    this.pauseMs = 0;
  };

  private readonly onEnd = (): void => {
    if (this.held || !this.options.tuning.checksSize) return this.finish();
    this.interrupted(`its body ended at byte ${this.at} of ${this.options.range.end + 1}`);
  };

  private readonly onError = (cause: unknown): void => {
    if (!this.held)
      return this.interrupted(`its body broke off at byte ${this.at} of ${this.options.range.end + 1}`, cause);
    // All bytes are there. The client may have compared a checksum that this library does not know.
    if (isOfChecksum(cause)) this.fail('the client finds its checksum wrong', cause);
    else this.finish();
  };

  private readonly onClose = (): void => this.onError(undefined);

  private onStall(): void {
    if (this.held) this.finish();
    else this.interrupted(`its body stood still at byte ${this.at} for ${this.options.tuning.stallMs} ms`);
  }

  private finish(): void {
    if (this.checksum && !this.checksum.matches()) {
      return this.fail(`its ${this.checksum.expected.algorithm} checksum is wrong`);
    }
    this.ended = true;
    this.detach();
    if (this.held) this.push(this.held);
    this.held = undefined;
    this.push(null);
  }

  private fail(problem: string, cause?: unknown): void {
    this.destroy(new ObjectDamagedError(this.options.key, problem, { cause }));
  }

  private interrupted(problem: string, cause?: unknown): void {
    this.detach();
    const { store, key, tuning, random } = this.options;
    const pauseMs = tuning.pausesMs[this.tries];
    if (pauseMs === undefined) {
      const failed = `${key}: ${problem}, and ${this.tries} tries to go on failed`;
      const isTold = cause instanceof ObjectStoreUnavailableError;
      this.destroy(isTold ? cause : new ObjectStoreUnavailableError(store, failed, { cause }));
      return;
    }
    this.tries++;
    this.resumedAt = this.at;
    this.pauseMs = pauseMs * (0.5 + random() / 2);
    // Nobody wants bytes now: a reader that takes its time costs no connection, and no try.
    if (this.wanted) void this.goOn();
  }

  private async goOn(): Promise<void> {
    this.goesOn = true;
    const { signal } = this.ending;
    await this.options.clock.sleep(this.pauseMs, signal);
    if (signal.aborted) return;
    try {
      const stretch = await this.options.resume(this.at, signal);
      if (signal.aborted) return letGoOf(stretch);
      this.goesOn = false;
      this.attach(stretch);
    } catch (error) {
      if (signal.aborted) return;
      this.goesOn = false;
      if (error instanceof ObjectStoreUnavailableError) this.interrupted('it could not be reached again', error);
      else this.destroy(asError(error));
    }
  }
}

/** Ends a stretch that is not wanted. */
export function letGoOf(stretch: Stretch): void {
  stretch.body.on('error', () => undefined).destroy();
  stretch.release();
}

function isOfChecksum(error: unknown): boolean {
  return error instanceof Error && /checksum/i.test(error.message);
}
