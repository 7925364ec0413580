import { HttpProblem } from './route.js';
import type { Route } from './route.js';

/** What goes wrong with the next requests. */
export interface Fault {
  /** Answers with this status. */
  readonly status?: number;
  /** Never answers. */
  readonly hang?: boolean;
  /** Cuts the connection before anything was done. */
  readonly disconnect?: boolean;
  /** Does what was asked, then cuts the connection. */
  readonly loseReply?: boolean;
  /** A 200 with `{}`, or with half a document. */
  readonly body?: 'empty' | 'garbage';
  /** Waits that much longer. */
  readonly delayMs?: number;
  /** Waits until the faults are forgotten. */
  readonly hold?: boolean;
}

interface PlannedFault extends Fault {
  /** Only paths that contain this. */
  readonly match: string;
  /** Only requests of this method. */
  readonly method: string | undefined;
  timesLeft: number;
}

/** `POST /faults {"status": 503, "times": 2, "match": "/content-metadata/"}` plans a fault, `DELETE /faults` forgets them all. */
export class FaultPlan {
  private planned: PlannedFault[] = [];
  private waiting: (() => void)[] = [];

  /** The fault for this request, which counts as one of its times. */
  next(requested: string, path: string): Fault | undefined {
    const fault = this.planned.find(
      ({ match, method, timesLeft }) => timesLeft > 0 && path.includes(match) && (method ?? requested) === requested,
    );
    if (fault) fault.timesLeft--;
    return fault;
  }

  /** Resolves when all faults are forgotten. */
  forgotten(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  routes(): Route[] {
    return [
      {
        method: 'POST',
        path: '/faults',
        steering: true,
        handle: ({ body }) => {
          this.planned.push(parse(body));
          return { status: 200, body: { planned: this.planned.length } };
        },
      },
      {
        method: 'DELETE',
        path: '/faults',
        steering: true,
        handle: () => {
          this.planned = [];
          for (const goOn of this.waiting.splice(0)) goOn();
          return { status: 200, body: { planned: 0 } };
        },
      },
    ];
  }
}

function parse(body: unknown): PlannedFault {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const { status, hang, disconnect, lose_reply, body: reply, delay_ms, hold, times, match, method } = given;
  const fault = {
    ...(typeof status === 'number' && status >= 400 && status < 600 ? { status } : undefined),
    ...(hang === true ? { hang } : undefined),
    ...(disconnect === true ? { disconnect } : undefined),
    ...(lose_reply === true ? { loseReply: true } : undefined),
    ...(reply === 'empty' || reply === 'garbage' ? ({ body: reply } as const) : undefined),
    ...(typeof delay_ms === 'number' && delay_ms >= 0 ? { delayMs: delay_ms } : undefined),
    ...(hold === true ? { hold } : undefined),
  };
  if (Object.keys(fault).length !== 1) {
    const detail =
      'Give one of: status (400 to 599), hang, disconnect, lose_reply (true), body ("empty" or "garbage"), delay_ms, hold (true).';
    throw new HttpProblem(400, { detail });
  }
  return {
    ...fault,
    match: typeof match === 'string' ? match : '',
    method: typeof method === 'string' ? method : undefined,
    timesLeft: typeof times === 'number' ? times : Infinity,
  };
}
