import { Injectable } from '@nestjs/common';
import type { NestMiddleware } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RequestScope, ScopeState } from '../tier/request-scope.js';

/**
 * One scope per HTTP request, on Express and on Fastify (whose raw request and response reach middleware). It ends when the response is
 * finished or its connection is gone: exception filters still read it, work that outlives the response does not. None for a request that becomes
 * a WebSocket: what one message has read would be what all later ones of that connection are given.
 */
@Injectable()
export class RequestScopeMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  constructor(private readonly scope: RequestScope) {}

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (this.scope.active) return next(); // another cache of this application opened it
    if (request.headers.upgrade?.toLowerCase() === 'websocket') return next();
    const state = new ScopeState();
    response.once('close', () => state.close());
    this.scope.open(state, next);
  }
}
