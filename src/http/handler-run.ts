import { Readable } from 'node:stream';
import { HttpException, StreamableFile } from '@nestjs/common';
import type { CallHandler, ExecutionContext } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { lastValueFrom } from 'rxjs';
import { withStream } from './answer-body.js';
import type { UnkeptBody } from './answer-body.js';
import { closeBody, failureOf, hearErrors } from './close-body.js';
import { isSent, rawResponse, removeHeader, setHeader } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';
import { judgeAnswer } from './judge-answer.js';
import type { RunAnswer } from './judge-answer.js';
import type { HeaderRules, UnkeptReason } from './kept-headers.js';
import { beginningOf, standInFor } from './stand-in-response.js';
import type { Beginning, StandIn } from './stand-in-response.js';
import { responsesOfRuns } from './response-arguments.js';
import { isHead, withRequestOfRun } from './request-of-run.js';

/** A refresh whose handler has answered with an error status. Whoever waits for it is told what the handler says, and not this. */
export class RefusedRefresh extends HttpException {
  constructor({ reason }: UnkeptBody, status: number) {
    const isUnserializable = reason === 'unserializable';
    super(
      isUnserializable
        ? 'What the handler answered can’t be serialized.'
        : 'The handler refused to refresh its answer.',
      status,
    );
  }
}

/** One request's way to its handler, and what became of its run. Each run has a response of its own, a refresh like a first answer. */
export class HandlerRun {
  /** Set when the handler has answered with something that is not kept, and why. */
  unkept: UnkeptBody | undefined = undefined;
  private beginning: Beginning | undefined = undefined;
  private standIn: StandIn | undefined = undefined;
  private dropped: readonly string[] = [];
  /** `undefined` until the run has ended: what it sets belongs to no answer that came before. */
  private ownHeaders: Readonly<Record<string, unknown>> | undefined = undefined;
  private isUnread = false;

  constructor(
    private readonly context: ExecutionContext,
    private readonly next: CallHandler,
    private readonly request: HttpRequest,
    private readonly response: HttpResponse,
    private readonly adapter: AbstractHttpAdapter,
    private readonly rules: HeaderRules,
    private readonly maxBodyBytes: number,
  ) {}

  /** To be called before the real response is written on, unless the run has begun. */
  rememberBeginning(): void {
    this.beginning ??= beginningOf(this.response);
  }

  /**
   * `undefined`: not to be kept.
   * @param isRefresh something is served meanwhile. An error status is thrown then, so that it counts as a load that failed.
   */
  async run(isRefresh: boolean): Promise<RunAnswer | undefined> {
    this.rememberBeginning();
    const beginning = this.beginning as Beginning;
    const standIn = standInFor(this.request, this.response, beginning, this.adapter);
    this.standIn = standIn;
    responsesOfRuns.set(this.response, { response: standIn.response, before: beginning.headers });
    this.context.getArgs<unknown[]>()[1] = standIn.response;
    let body: unknown;
    let own: Beginning['headers'] = {};
    try {
      body = await withRequestOfRun(this.request, standIn.response, () => lastValueFrom(this.next.handle()));
      own = { ...standIn.response.getHeaders() };
      const headers = { before: beginning.headers, own };
      const outcome = await judgeAnswer(body, standIn, headers, this.rules, this.maxBodyBytes);
      if (!('reason' in outcome)) {
        this.dropped = outcome.dropped;
        return outcome;
      }
      this.unkept = this.forOneCaller(outcome);
      const { statusCode } = standIn.response;
      if (isRefresh && statusCode >= 400) throw new RefusedRefresh(outcome, statusCode);
      return undefined;
    } catch (error) {
      if (!this.unkept) closeBody(body);
      throw error;
    } finally {
      if (this.isUnread) closeBody(this.unkept?.body);
      this.ownHeaders = this.unkept ? own : { ...standIn.response.getHeaders() };
      responsesOfRuns.delete(this.response);
      this.context.getArgs<unknown[]>()[1] = this.response;
      standIn.end(this.unkept && rawResponse(this.response));
    }
  }

  /** The caller is answered in another way, by a stale answer or an error: nobody reads what the run answers, now or later, and is not kept. */
  leaveUnread(): void {
    this.isUnread = true;
    closeBody(this.unkept?.body);
  }

  /** Gives the caller whose request this is what no repetition carries. */
  handOverDropped(): void {
    this.handOverHeaders(this.dropped);
  }

  /** Puts on the real response what the run has set on its own, once it has ended: for an answer that is not kept, or an error. */
  handOver(): void {
    const { ownHeaders } = this;
    if (!this.standIn || !this.beginning || !ownHeaders || isSent(this.response)) return;
    const { headers, status } = this.beginning;
    const { statusCode } = this.standIn.response;
    if (statusCode !== status) this.response.status(statusCode);
    this.handOverHeaders(Object.keys(ownHeaders));
    for (const name of Object.keys(headers)) {
      if (ownHeaders[name] === undefined) removeHeader(this.response, name);
    }
  }

  private handOverHeaders(names: readonly string[]): void {
    for (const name of names) {
      const value = this.ownHeaders?.[name];
      if (value === undefined || value === this.beginning?.headers[name]) continue;
      this.response.removeHeader(name); // Fastify adds cookies to those that are there
      setHeader(this.response, name, value);
    }
  }

  private forOneCaller({ body: given, reason }: UnkeptBody): UnkeptBody {
    const body = given instanceof StreamableFile ? withOneStream(given, isHead(this.request), reason) : given;
    hearErrors(body);
    return { body, reason };
  }
}

/**
 * A file may make its stream anew whenever it is asked: each would have to be closed. Of one for a HEAD no client is sent a byte, so it is closed once bytes of it
 * have come: before that, opening it may fail, which the platform answers.
 */
function withOneStream(file: StreamableFile, isForHead: boolean, reason: UnkeptReason): StreamableFile {
  const stream = file.getStream();
  const hasBegun = reason === 'too-large' || stream.readableLength > 0;
  const isLeftOut = isForHead && hasBegun && failureOf(stream) === undefined;
  if (isLeftOut) closeBody(stream);
  return withStream(file, isLeftOut ? Readable.from([]) : stream);
}
