import { Logger } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import type { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { TieredCache } from '../cache/tiered-cache.js';
import { InvalidOptionError } from '../value/errors.js';
import { isNameOfMixin } from '../value/member.js';
import { assertAnswerable } from './assert-answerable.js';
import { settingsOf } from './cached-response.interceptor.js';
import { problemOfLife } from './life-of-answers.js';
import type { ResponseSettings } from './response-settings.js';
import { declaredPath, interceptorsAround, isRoute, modulePathOf, routeFacts } from './route-facts.js';

type Controller = object & { readonly name: string; readonly prototype: object };

/** A handler that is decorated for the cache. */
export interface FoundRoute {
  readonly controller: Controller;
  readonly handler: object;
  readonly settings: ResponseSettings;
  /** Nothing of its controller's tree is made anew for each request. */
  readonly isStatic: boolean;
  /** Before the path of the controller, by the module that it belongs to. */
  readonly modulePath: string;
}

/**
 * Looks at each decorated handler once the application is put together: what decorators above it have added, what its controller is injected
 * with, which others bear its name.
 *
 * @returns those of the cache.
 * @throws InvalidOptionError naming the handlers, with what to do.
 */
export function examineRoutes(
  modules: ModulesContainer,
  application: ApplicationConfig,
  { name, defaults }: Pick<TieredCache, 'name' | 'defaults'>,
): readonly FoundRoute[] {
  const routes = [...foundRoutes(modules)].filter(({ settings }) => settings.cache === name);
  const problem = problemOfLife(defaults.ttl);
  const owners = new Map<string, Controller>();
  for (const route of routes) {
    const { controller, handler, settings } = route;
    const member = `${controller.name}.${settings.method}`;
    if (!isRoute(handler)) throw ofNoRoute(member);
    if (isNameOfMixin(controller.name)) throw ofMixin(member);
    assertAnswerable(member, handler);
    if (problem !== undefined && settings.life.ttl === undefined) throw ofLife(member, problem);
    if (!route.isStatic && !settings.isRequestCovered) throw ofRequestScope(member);
    const facts = routeFacts(controller, handler, settings.method, application);
    const place = `${facts.identity} ${declaredPath(controller, handler)} ${route.modulePath}`;
    const owner = owners.get(place);
    if (owner && owner !== controller) throw ofOneName(member);
    owners.set(place, controller);
    if (facts.isGuarded && !settings.hasPrincipal) warnOfGuard(member, settings);
  }
  return routes;
}

/** Whether other interceptors would stand before the one that answers from the cache. */
export function areSurrounded(routes: readonly FoundRoute[], application: ApplicationConfig): boolean {
  const globals = application.getGlobalInterceptors().length + application.getGlobalRequestInterceptors().length;
  return routes.some(({ controller, handler }) => globals > 0 || interceptorsAround(controller, handler));
}

function* foundRoutes(modules: ModulesContainer): Generator<FoundRoute> {
  const scanner = new MetadataScanner();
  for (const { metatype, controllers, providers } of modules.values()) {
    const modulePath = modulePathOf(metatype, modules.applicationId);
    for (const wrapper of [...controllers.values(), ...providers.values()]) {
      const controller: unknown = wrapper.metatype;
      if (!isClass(controller) || wrapper.inject) continue;
      const methods = controller.prototype as Readonly<Record<string, unknown>>;
      for (const name of scanner.getAllMethodNames(controller.prototype)) {
        const handler = methods[name];
        const settings = typeof handler === 'function' ? settingsOf(handler) : undefined;
        if (!settings) continue;
        yield {
          controller,
          handler: handler as object,
          settings,
          isStatic: wrapper.isDependencyTreeStatic(),
          modulePath,
        };
      }
    }
  }
}

const isClass = (metatype: unknown): metatype is Controller =>
  typeof metatype === 'function' && Reflect.get(metatype, 'prototype') !== undefined;

const ofNoRoute = (member: string): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    `${member} is no route of HTTP, so nothing would ever be answered from the cache`,
    'Use @Memoize for resolvers, gateways and message handlers.',
  );

const ofMixin = (member: string): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    `the controller of ${member} has a name that mixin() gave it at random, and in each process it has another: no process would find what others keep`,
    'Extend it by a class with a name, and make that one the controller.',
  );

const ofLife = (member: string, problem: string): InvalidOptionError =>
  new InvalidOptionError(
    'defaults.ttl',
    `${member} has no ttl of its own, and of this one ${problem}`,
    'Give the route a ttl.',
  );

const ofRequestScope = (member: string): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    `${member} belongs to a controller that is made anew for each request, or is injected with what is, so its answers may depend on any of it`,
    'Give the option keyedBy: (request) => [what of it makes a difference], or principal: a function that says who asks.',
  );

const ofOneName = (member: string): InvalidOptionError =>
  new InvalidOptionError(
    '@CachedResponse',
    `two controllers of one name have ${member} on one route and version, and would answer each other's requests`,
    'Rename one of the two classes.',
  );

function warnOfGuard(member: string, { isRequestCovered }: ResponseSettings): void {
  const consequence = isRequestCovered
    ? 'keyedBy names no caller, so requests with credentials (Authorization, Cookie, request.user) go around the cache'
    : 'none is kept';
  new Logger('CachedResponse').warn(
    `${member} stands behind a guard, and nobody said whose its answers are: ${consequence}. Give the option principal: 'anyone' if they never depend on who asks, or a function that says who does.`,
  );
}
