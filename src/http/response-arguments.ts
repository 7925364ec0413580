import 'reflect-metadata';
import type { ExecutionContext } from '@nestjs/common';
import type { HttpResponse } from './http-exchange.js';

/** The response that a handler's present run is given in the place of the real one. */
export const standInsOf = new WeakMap<object, HttpResponse>();

/** Nest's `ROUTE_ARGS_METADATA` and the type of `@Res()`, the same in Nest 11 and 12. */
const [routeArguments, responseType] = ['__routeArguments__', '1'];

type Method = (this: object, ...args: unknown[]) => unknown;
type Factory = (data: unknown, context: ExecutionContext) => unknown;
interface Argument {
  readonly factory?: Factory;
}

/**
 * Has a handler be given the response of its run: as `@Res({ passthrough: true })`, and in the context of custom parameter decorators. Nest takes
 * neither from the context that interceptors can change. A method that overrides another has the parameter decorators of that one, too.
 */
export function giveStandIns(target: object, method: string | symbol, descriptor: PropertyDescriptor): void {
  const given = Reflect.getMetadata(routeArguments, target.constructor, method) as
    Readonly<Record<string, Argument>> | undefined;
  if (!given) return;
  const changed = Object.entries(given).map(([key, argument]): [string, Argument] => [
    key,
    argument.factory ? { ...argument, factory: withStandIn(argument.factory) } : argument,
  ]);
  Reflect.defineMetadata(routeArguments, Object.fromEntries(changed), target.constructor, method);
  // A reply of Fastify is a thenable: what a factory returns is awaited, so the method itself exchanges it.
  if (Object.keys(given).some((key) => key.split(':')[0] === responseType)) exchange(descriptor);
}

function withStandIn(factory: Factory): Factory {
  return (data, context) => {
    const args = context.getArgs<unknown[]>();
    args[1] = standInFor(args[1]);
    return factory(data, context);
  };
}

/** With the method's name, length and all metadata that decorators below left on it. */
function exchange(descriptor: PropertyDescriptor): void {
  const original = descriptor.value as Method;
  const wrapper: Method = function (...args) {
    return original.apply(this, args.map(standInFor));
  };
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
  for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
  }
  descriptor.value = wrapper;
}

const standInFor = (argument: unknown): unknown =>
  typeof argument === 'object' && argument !== null ? (standInsOf.get(argument) ?? argument) : argument;
