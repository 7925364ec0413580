import { AsyncLocalStorage } from 'node:async_hooks';
import { LeaseLostError } from '../value/errors.js';

/** One of the decorators that stand on a method. */
export interface Layer {
  /** What the layers of one method have in common. */
  readonly method: object;
  /** Those below are lower. */
  readonly height: number;
}

interface Layers {
  count: number;
}

const layersOf = new WeakMap<object, Map<string | symbol, Layers>>();

/** The next layer of a method: decorators are applied from the lowest to the highest. */
export function addLayer(target: object, method: string | symbol): Layer {
  const methods = layersOf.get(target) ?? new Map<string | symbol, Layers>();
  layersOf.set(target, methods);
  const layers = methods.get(method) ?? { count: 0 };
  methods.set(method, layers);
  return { method: layers, height: layers.count++ };
}

/** What is known of a method by the layers below one, however their calls end. */
export class MethodRun {
  /** Or it has lost its lock while it ran: what it was to change may have changed. */
  mayHaveRun = false;
  returned: { readonly value: unknown } | undefined;
  private readonly above: MethodRun | undefined;

  constructor(readonly layer: Layer) {
    this.above = runAbove(layer);
  }

  noteRun(): void {
    this.mayHaveRun = true;
    this.above?.noteRun();
  }

  noteReturned(value: unknown): void {
    this.noteRun();
    this.returned = { value };
    this.above?.noteReturned(value);
  }
}

const runs = new AsyncLocalStorage<MethodRun>();

/**
 * The run that this call of a lower layer belongs to, whatever decorators stand between; undefined where none waits for it. A method that calls itself enters
 * at its highest layer: that is no call of a lower one.
 */
export function runAbove({ method, height }: Layer): MethodRun | undefined {
  const run = runs.getStore();
  return run?.layer.method === method && height < run.layer.height ? run : undefined;
}

/** How the call of what is below a layer has ended. */
export type RunEnd =
  | { readonly value: unknown; readonly failed?: undefined }
  | { readonly failed: Pick<MethodRun, 'mayHaveRun' | 'returned'> & { readonly error: unknown } };

/** Calls what is below a layer. Never rejects. */
export async function runBelow(layer: Layer, call: (run: MethodRun) => Promise<unknown>): Promise<RunEnd> {
  const run = new MethodRun(layer);
  try {
    const value = await runs.run(run, () => call(run));
    run.noteReturned(value);
    return { value };
  } catch (error) {
    if (error instanceof LeaseLostError) run.noteRun();
    return { failed: { error, mayHaveRun: run.mayHaveRun, returned: run.returned } };
  } finally {
    run.returned = undefined; // what the method has begun may outlive the call, and hold its run
  }
}
