import type { S3Client } from '@aws-sdk/client-s3';
import { TieredCacheError } from '../../value/errors.js';
import { ObjectStoreUnavailableError } from '../object-errors.js';
import { RestingBodies } from '../resting-bodies.js';
import { StallTimer } from '../stall-timer.js';
import { hasQueuedRequests } from './client-queue.js';
import type { Clock, Timer } from '../../value/clock.js';
import { onAbort } from '../../value/on-abort.js';

export interface RequestLimits {
  /** Ends the request, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the head of the answer may take. Default: the store's `stallMs`. */
  readonly answerMs?: number;
}

/** An answer whose body is still to be read. */
export interface Answer<Output> {
  readonly output: Output;
  /** Ends the connection, if the body is not at its end. Repeating it does nothing. */
  release(): void;
}

/** A command of the SDK, as far as `send` is concerned. */
export type Send<Output> = (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<Output>;

/** Stores may share a client, and with it its connections. */
const restingOf = new WeakMap<S3Client, RestingBodies>();

/** The one place that sends. The SDK waits for ever for an answer that doesn't come; this does not. */
export class S3Requests {
  readonly resting: RestingBodies;

  constructor(
    readonly store: string,
    private readonly client: S3Client,
    private readonly clock: Clock,
    private readonly stallMs: number,
  ) {
    this.resting = restingOf.get(client) ?? new RestingBodies();
    restingOf.set(client, this.resting);
  }

  /**
   * Sends, and keeps the connection until `release`.
   *
   * @throws the reason of `signal` · ObjectStoreUnavailableError when no answer comes in time · what the SDK throws.
   */
  async open<Output>(send: Send<Output>, { signal, answerMs = this.stallMs }: RequestLimits): Promise<Answer<Output>> {
    signal?.throwIfAborted();
    const ending = new AbortController();
    let stalled = false;
    const timer = new StallTimer(this.clock, answerMs, () => {
      stalled = true;
      ending.abort();
    });
    const stopListening = signal && onAbort(signal, () => ending.abort());
    timer.ask();
    const freeing = this.freeConnections(answerMs / 10);
    try {
      const output = await send(this.client, { abortSignal: ending.signal });
      return { output, release: () => ending.abort() };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (stalled)
        throw new ObjectStoreUnavailableError(this.store, `no answer within ${answerMs} ms`, { cause: error });
      throw error;
    } finally {
      timer.rest();
      freeing.cancel();
      stopListening?.();
    }
  }

  /**
   * A request waits until the client has a connection for it. Bodies that nobody reads might hold all of them for as long as they like. An answer that
   * is late while connections are free costs no body its own.
   */
  private freeConnections(everyMs: number): Pick<Timer, 'cancel'> {
    const look = (): Timer =>
      this.clock.after(everyMs, () => {
        if (hasQueuedRequests(this.client)) this.resting.letGoOfOne(everyMs, this.clock);
        timer = look();
      });
    let timer = look();
    return { cancel: () => timer.cancel() };
  }

  /** As {@link open}, for answers without a body. */
  async send<Output>(send: Send<Output>, limits: RequestLimits): Promise<Output> {
    return (await this.open(send, limits)).output;
  }

  /** Whether the client adds checksums to what it sends: `WHEN_SUPPORTED`, its default, or `WHEN_REQUIRED`. Older ones have no such setting. */
  async checksums(): Promise<string> {
    return (await this.client.config.requestChecksumCalculation?.()) ?? 'WHEN_REQUIRED';
  }
}

/** Whether an error came from outside: from the caller's signal or stream, or was told apart already. */
export function isOwn(error: unknown, signal: AbortSignal | undefined): boolean {
  return error instanceof TieredCacheError || (signal?.aborted === true && error === signal.reason);
}
