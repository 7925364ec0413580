import { Injectable, UnauthorizedException } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { JwtService } from '@nestjs/jwt';
import { callerOf } from './bearer-token.js';
import type { TokenClaims } from './bearer-token.js';
import type { AuthenticatedRequest, Caller } from './caller.js';

/** Marks a route that answers everybody. */
export const Public = Reflector.createDecorator<true>();

/** Lets requests with a valid bearer token through and notes who sent them. */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly jwt: JwtService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride(Public, [context.getHandler(), context.getClass()])) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request.caller = await this.callerFrom(request.headers.authorization);
    return true;
  }

  private async callerFrom(header: string | undefined): Promise<Caller> {
    const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(header ?? '')?.[1];
    if (token === undefined) throw new UnauthorizedException({ detail: 'Send a bearer token.' });
    const claims = await this.jwt.verifyAsync<TokenClaims>(token).catch(() => undefined);
    const caller = claims && callerOf(claims);
    if (!caller) throw new UnauthorizedException({ detail: 'The token is not valid, or not any more.' });
    return caller;
  }
}
