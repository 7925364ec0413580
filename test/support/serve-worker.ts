/** What a worker file offers: called by name through `WorkerProcess.call`. */
export type WorkerMethods = Record<string, (...args: never[]) => unknown>;

/** An error on its way to the parent. */
export interface PortableError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Its own enumerable properties, such as `code`. */
  readonly own: Record<string, unknown>;
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly args: unknown[];
}

/**
 * The worker's side of worker-process.ts. `setUp` gets the worker data and returns the methods; a plain object of methods will do
 * where there is no data. When the parent ends or hangs up, `stop` is called if there is one, and the process ends when nothing
 * keeps it alive.
 */
export function serveWorker<D = unknown>(
  setUp: WorkerMethods | ((workerData: D) => WorkerMethods | Promise<WorkerMethods>),
): void {
  let methods: WorkerMethods = {};
  const answer = async ({ id, method, args }: Request): Promise<void> => {
    try {
      if (method === 'serveWorker:start') {
        methods = typeof setUp === 'function' ? await setUp(args[0] as D) : setUp;
        reply({ id, result: undefined });
        return;
      }
      const called = methods[method];
      if (!called) throw new Error(`the worker has no method ${method}`);
      reply({ id, result: await called(...(args as never[])) });
    } catch (error) {
      reply({ id, error: portable(error) });
    }
  };
  process.on('message', (request: Request) => void answer(request));
  process.on('disconnect', () => {
    const stopped = Promise.resolve(methods['stop']?.());
    stopped.catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  });
}

function reply(message: object): void {
  if (process.connected) process.send?.(message);
}

/** A copied Error keeps its message and stack only; a plain object keeps all that it is given. */
function portable(error: unknown): PortableError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), own: {} };
  const { name, message, stack } = error;
  return { name, message, ...(stack === undefined ? {} : { stack }), own: { ...error, cause: undefined } };
}
