import { ExternalContextCreator, MetadataScanner } from '@nestjs/core';
import type { ModulesContainer } from '@nestjs/core';
import { isGateway } from './gateways.js';

type Metatype = abstract new (...dependencies: never[]) => object;

/** Nest's own marks, as they stand on classes and methods. */
const messageMark = 'microservices:pattern';
const dependencyMarks = ['design:paramtypes', 'self:paramtypes', 'self:properties_metadata'];

/**
 * Whether handlers of this application are called by something else than HTTP routes: gateways, message handlers, and what is built with Nest's
 * ExternalContextCreator, such as GraphQL's resolvers.
 */
export function hasOtherEntrances(modules: ModulesContainer): boolean {
  return [...modules.values()].some(({ controllers, providers }) =>
    [...controllers.values(), ...providers.values()].some(({ metatype, inject }) => {
      if (inject) return namesContextCreator(inject);
      return typeof metatype === 'function' && isOtherEntrance(metatype as Metatype);
    }),
  );
}

function isOtherEntrance(metatype: Metatype): boolean {
  if (isGateway(metatype)) return true;
  if (dependencyMarks.some((mark) => namesContextCreator(Reflect.getMetadata(mark, metatype)))) return true;
  const prototype = metatype.prototype as Record<string, unknown> | undefined;
  return new MetadataScanner()
    .getAllMethodNames(prototype ?? {})
    .some((name) => Reflect.hasMetadata(messageMark, prototype?.[name] as object));
}

/** Of a list of types, or of descriptions of what is injected. */
function namesContextCreator(dependencies: unknown): boolean {
  if (!Array.isArray(dependencies)) return false;
  return dependencies.some((one: unknown) => {
    const described: unknown[] = typeof one === 'object' && one !== null ? Object.values(one) : [];
    return [one, ...described].includes(ExternalContextCreator);
  });
}
