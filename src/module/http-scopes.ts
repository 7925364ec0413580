import type { MiddlewareConsumer } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ScopeState } from '../near/request-scope.js';
import type { RequestScope } from '../near/request-scope.js';
import { whenClosed } from '../value/when-closed.js';

type Next = () => void;
type FastifyHook = (request: { raw: IncomingMessage }, reply: { raw: ServerResponse }, next: Next) => void;

/** What is used of Fastify's instance. */
interface Hooks {
  addHook(name: 'onRequest', hook: FastifyHook): void;
}

/** The request that each scope was opened for, by whichever cache of the process. */
const openedFor = new WeakMap<ScopeState, IncomingMessage>();

/**
 * One scope per HTTP request, on any platform whose middleware is handed Node's request and response. It ends when the response is finished or its
 * connection is gone: exception filters still read it, work that outlives the response does not. None for a request that becomes a WebSocket: what
 * one message has read would be what all later ones of that connection are given.
 */
export class HttpScopes {
  private readonly pipelined = new WeakMap<Socket, Set<ScopeState>>();

  constructor(private readonly scope: RequestScope) {}

  /**
   * @param first must it be open before middleware of other modules? Where there is none, a hook of Fastify does: Nest's middleware there takes a
   * tenth of the time of a request that is answered at once.
   */
  openOn(adapter: AbstractHttpAdapter | undefined, consumer: MiddlewareConsumer, first: boolean): void {
    const open = this.open.bind(this);
    const platform = this.scope.hasOwnContext ? adapter?.getType() : undefined;
    if (platform === 'express') adapter?.use(open);
    else if (platform === 'fastify' && !first) {
      const fastify = (adapter as AbstractHttpAdapter).getInstance<Hooks>();
      fastify.addHook('onRequest', ({ raw }, { raw: response }, next) => open(raw, response, next));
    } else consumer.apply(open).forRoutes('{*path}');
  }

  private open(request: IncomingMessage, response: ServerResponse, next: Next): void {
    const present = this.scope.current(); // of another cache of this application, or of a request that makes this one in its own context (inject)
    if (present && openedFor.get(present) === request) return next();
    if (request.headers.upgrade?.toLowerCase() === 'websocket') return next();
    if (response.destroyed || request.socket.destroyed) return next(); // nothing would end it
    const state = new ScopeState();
    openedFor.set(state, request);
    whenClosed(response, () => state.close());
    if (response.socket === null) this.endWithConnection(request.socket, response, state);
    this.scope.open(state, next, request);
  }

  /** The response to a pipelined request hears of its connection's end only when all before it have been answered. */
  private endWithConnection(socket: Socket, response: ServerResponse, state: ScopeState): void {
    const states = this.pipelined.get(socket) ?? new Set();
    if (!this.pipelined.has(socket)) {
      this.pipelined.set(socket, states);
      socket.once('close', () => states.forEach((one) => one.close()));
    }
    states.add(state);
    whenClosed(response, () => states.delete(state));
  }
}
