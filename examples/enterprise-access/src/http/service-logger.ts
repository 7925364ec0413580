import { ConsoleLogger } from '@nestjs/common';

/** What Nest says of every module and route at start-up. */
const startUp = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/**
 * Nest's logger without the lines of a start-up that went well, which bury the requests of several workers, and without the error of one
 * that did not, which main.ts prints as a sentence.
 */
export class ServiceLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (!startUp.has(String(rest.at(-1)))) super.log(message, ...(rest as string[]));
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (rest.at(-1) !== 'ExceptionHandler' && rest.at(-1) !== 'NestApplication')
      super.error(message, ...(rest as string[]));
  }
}
