import type { ExecutionContext } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { isPatched, isPersonal } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';
import type { Principal } from './principal.js';
import type { ResponseSettings } from './response-settings.js';
import type { BypassReason } from './response-status.js';
import { routeFacts } from './route-facts.js';
import type { RouteFacts } from './route-facts.js';

/** What is known of a route once its handler's settings and Nest's metadata are put together. */
export interface CachedRoute {
  readonly identity: string;
  readonly hasHost: boolean;
  readonly settings: ResponseSettings;
  readonly vary: readonly string[];
  /** Chooses between versions by what it likes of Node's request. */
  readonly versionByCode: RouteFacts['versionByCode'];
  /** The request headers that are in the key, in lower case. */
  readonly keyed: ReadonlySet<string>;
  /** Guards, code or functions of the application may tell callers apart, and no `Vary` says by what. */
  readonly isPrivate: boolean;
  /** A guard stands before it, and nobody said whose its answers are, or what else makes a difference. */
  readonly isNobodys: boolean;
}

type Controller = ReturnType<ExecutionContext['getClass']>;

/** The decorated routes of an application, each looked at once. */
export class CachedRoutes {
  private readonly known = new WeakMap<Controller, Map<object, CachedRoute>>();

  constructor(private readonly application: ApplicationConfig) {}

  of(context: ExecutionContext, settings: ResponseSettings): CachedRoute {
    const controller = context.getClass();
    const handler = context.getHandler();
    const ofController = this.known.get(controller) ?? new Map<object, CachedRoute>();
    const known = ofController.get(handler);
    if (known) return known;
    const route = this.route(controller, handler, settings);
    this.known.set(controller, ofController.set(handler, route));
    return route;
  }

  private route(controller: Controller, handler: object, settings: ResponseSettings): CachedRoute {
    const facts = routeFacts(controller, handler, settings.method, this.application);
    const { versionHeader, versionByCode, isGuarded } = facts;
    const versions = versionHeader === undefined ? [] : [versionHeader];
    return {
      identity: facts.identity,
      hasHost: facts.hasHost,
      settings,
      vary: [...settings.vary, ...versions],
      versionByCode,
      keyed: new Set([...settings.vary, ...versions].map((name) => name.toLowerCase())),
      isPrivate: !settings.isPublic && (isGuarded || versionByCode !== undefined || settings.isRequestCovered),
      isNobodys: isGuarded && !settings.hasPrincipal && !settings.isRequestCovered,
    };
  }
}

/** Whether only the caller's own cache may keep an answer for this principal. */
export function isPrivateFor(route: CachedRoute, request: HttpRequest, principal: Principal): boolean {
  return principal !== null || route.isPrivate || (!route.settings.isPublic && isPersonal(request));
}

/** Why this request is not to be answered from the cache; `undefined`: it may be. */
export function bypassReason(
  route: CachedRoute,
  request: HttpRequest,
  response: HttpResponse,
  principal: Principal | undefined,
): BypassReason | undefined {
  if (isPatched(response)) return 'patched-response';
  if (route.isNobodys) return 'guard';
  if (principal !== undefined) return undefined;
  return route.settings.hasPrincipal ? 'principal' : 'credentials';
}
