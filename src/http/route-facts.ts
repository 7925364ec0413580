import 'reflect-metadata';
import { VersioningType } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';

/** Nest's own marks, the same in Nest 11 and 12; its packages don't export them by a stable path. */
const [guardsMark, interceptorsMark, versionMark] = ['__guards__', '__interceptors__', '__version__'];
const [hostMark, pathMark, modulePathMark] = ['host', 'path', '__module_path__'];

/** What Nest's metadata says of one handler of one controller. */
export interface RouteFacts {
  /** Which handler it is: no other one of the application has the same on the same route. */
  readonly identity: string;
  /** A guard stands before it: it may have let this caller in and would keep another out. */
  readonly isGuarded: boolean;
  /** The controller is bound to hosts. */
  readonly hasHost: boolean;
  /** The request header that chooses between versions of a route. */
  readonly versionHeader: string | undefined;
  /** Code of the application that chooses between versions, and may look at anything of the request of Express, or of Node's below Fastify. */
  readonly versionByCode: ((request: unknown) => unknown) | undefined;
}

/** @param method the handler's name in its class; a decorator may have put a function of another name in its place. */
export function routeFacts(
  controller: object & { readonly name: string },
  handler: object,
  method: string,
  application: ApplicationConfig,
): RouteFacts {
  const version: unknown = Reflect.getMetadata(versionMark, handler) ?? Reflect.getMetadata(versionMark, controller);
  const host: unknown = Reflect.getMetadata(hostMark, controller);
  const marks = [
    ...(version === undefined ? [] : [`v${textOf(version)}`]),
    ...(host === undefined ? [] : [`@${textOf(host)}`]),
  ];
  const versioning = application.getVersioning();
  const byHeader = versioning?.type === VersioningType.HEADER ? versioning.header : undefined;
  return {
    identity: [`${controller.name}.${method}`, ...marks].join(' '),
    isGuarded: isGuarded(controller, handler, application),
    hasHost: host !== undefined,
    versionHeader: versioning?.type === VersioningType.MEDIA_TYPE ? 'Accept' : byHeader,
    versionByCode: versioning?.type === VersioningType.CUSTOM ? versioning.extractor : undefined,
  };
}

function isGuarded(controller: object, handler: object, application: ApplicationConfig): boolean {
  const own = [handler, controller].map((one) => Reflect.getMetadata(guardsMark, one) as unknown[] | undefined);
  const all = [...own, application.getGlobalGuards(), application.getGlobalRequestGuards()];
  return all.some((guards) => guards !== undefined && guards.length > 0);
}

/** Nest's VERSION_NEUTRAL is a symbol, a host may be a regular expression. */
const textOf = (given: unknown): string =>
  JSON.stringify(Array.isArray(given) ? given.map((one: unknown) => String(one)) : String(given));

/** Whether HTTP requests reach it. */
export const isRoute = (handler: object): boolean => Reflect.hasMetadata(pathMark, handler);

/** The path that RouterModule gives to a module in one application. */
export function modulePathOf(module: object, applicationId: string): string {
  const ofApplication: unknown = Reflect.getMetadata(`${modulePathMark}${applicationId}`, module);
  return String(ofApplication ?? Reflect.getMetadata(modulePathMark, module) ?? '');
}

/** The paths of a handler as its decorators have them: the global prefix is the same for all. */
export function declaredPath(controller: object, handler: object): string {
  const paths = [controller, handler].map((one) => [Reflect.getMetadata(pathMark, one) as unknown].flat());
  return JSON.stringify(paths.map((of) => of.map((path) => String(path).replace(/^\/+|\/+$/g, ''))));
}

/** Whether there are others beside the one of the cache, on the class or on the handler. */
export function interceptorsAround(controller: object, handler: object): boolean {
  const [ofClass, ofHandler] = [controller, handler].map(
    (one) => (Reflect.getMetadata(interceptorsMark, one) as unknown[] | undefined) ?? [],
  );
  return (ofClass?.length ?? 0) > 0 || (ofHandler?.length ?? 0) > 1;
}
