import 'reflect-metadata';
import type { ExecutionContext } from '@nestjs/common';
import { memberName } from '../value/member.js';
import type { HttpResponse } from './http-exchange.js';
import { routeArguments } from './route-arguments.js';
import type { Beginning } from './stand-in-response.js';
import { withoutRequest } from './without-request.js';

/** The response that a handler's present run is given in the place of the real one. */
export interface ResponseOfRun {
  readonly response: HttpResponse;
  /** The headers that stood on it before the run. */
  readonly before: Beginning['headers'];
}

/** By the real one. */
export const responsesOfRuns = new WeakMap<object, ResponseOfRun>();

/** Of `@Res()`, the same in Nest 11 and 12. */
const responseType = '1';

type Method = (this: object, ...args: unknown[]) => unknown;
type Factory = (data: unknown, context: ExecutionContext) => unknown;
interface Argument {
  readonly factory?: Factory;
}

/**
 * Has a handler be given the response of its run: as `@Res({ passthrough: true })`, and in the context of custom parameter decorators. Nest takes
 * neither from the context that interceptors can change. A method that overrides another has the parameter decorators of that one, too.
 *
 * @param isRequestCovered the key knows of the request: the handler may read it of its response.
 */
export function giveStandIns(
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
  isRequestCovered: boolean,
): void {
  const given = Reflect.getMetadata(routeArguments, target.constructor, method) as
    Readonly<Record<string, Argument>> | undefined;
  if (!given) return;
  const changed = Object.entries(given).map(([key, argument]): [string, Argument] => [
    key,
    argument.factory ? { ...argument, factory: withStandIn(argument.factory) } : argument,
  ]);
  Reflect.defineMetadata(routeArguments, Object.fromEntries(changed), target.constructor, method);
  // A reply of Fastify is a thenable: what a factory returns is awaited, so the method itself exchanges it.
  if (!Object.keys(given).some((key) => key.split(':')[0] === responseType)) return;
  const member = memberName(target, method);
  exchange(descriptor, ({ response, before }) =>
    isRequestCovered ? response : withoutRequest(response, before, member),
  );
}

function withStandIn(factory: Factory): Factory {
  return (data, context) => {
    const args = context.getArgs<unknown[]>();
    args[1] = responseOfRun(args[1])?.response ?? args[1];
    return factory(data, context);
  };
}

/** With the method's name, length and all metadata that decorators below left on it. */
function exchange(descriptor: PropertyDescriptor, shown: (given: ResponseOfRun) => HttpResponse): void {
  const original = descriptor.value as Method;
  const wrapper: Method = function (...args) {
    const given = args.map((argument) => {
      const ofRun = responseOfRun(argument);
      return ofRun ? shown(ofRun) : argument;
    });
    return original.apply(this, given);
  };
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
  for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
  }
  descriptor.value = wrapper;
}

const responseOfRun = (argument: unknown): ResponseOfRun | undefined =>
  typeof argument === 'object' && argument !== null ? responsesOfRuns.get(argument) : undefined;
