import type { NestInterceptor } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

/** Nest's own marks, as they stand on classes. */
const gatewayMark = 'websockets:is_gateway';
const interceptorsMark = '__interceptors__';

export function isGateway(metatype: object): boolean {
  return Reflect.hasMetadata(gatewayMark, metatype);
}

/**
 * Puts the interceptor in front of those of each gateway, as `@UseInterceptors` would: Nest 11 runs no global one for their messages.
 *
 * @returns what takes it away again: classes outlive the application.
 */
export function interceptGateways(modules: ModulesContainer, interceptor: NestInterceptor): () => void {
  const gateways = [...modules.values()].flatMap(({ providers }) =>
    [...providers.values()].flatMap(({ metatype, inject }) =>
      !inject && typeof metatype === 'function' && isGateway(metatype) ? [metatype] : [],
    ),
  );
  const interceptorsOf = (gateway: object): unknown[] =>
    ((Reflect.getMetadata(interceptorsMark, gateway) as unknown[] | undefined) ?? []).filter(
      (one) => one !== interceptor,
    );
  for (const gateway of gateways) {
    Reflect.defineMetadata(interceptorsMark, [interceptor, ...interceptorsOf(gateway)], gateway);
  }
  return () => {
    for (const gateway of gateways) Reflect.defineMetadata(interceptorsMark, interceptorsOf(gateway), gateway);
  };
}
