import type { FaultKind } from '../../value/events.js';
import { setImmediate } from '../../value/turn.js';
import { MetaConnection } from './meta-connection.js';
import { openLine } from './open-line.js';
import type { LineOptions } from './open-line.js';

export interface DialOptions extends LineOptions {
  readonly commandTimeoutMs: number;
  /** Of the connection that is made. */
  readonly session: number;
  /** When the attempt began, on the monotonic clock. */
  readonly startedAt: number;
  readonly onEnd: (connection: MetaConnection) => void;
}

/** A server that was asked who it is. */
export interface Met {
  readonly connection: MetaConnection;
  readonly address: string;
  /** The largest item it takes, its own bookkeeping included. */
  readonly itemSizeMax: number | undefined;
  /** Whether it makes room by throwing items away. */
  readonly evictsItems: boolean;
}

/** The server answers, and is not used until somebody mends it. */
export class UnfitError extends Error {
  constructor(
    readonly kind: FaultKind,
    problem: string,
    /** Goes on from the server's name, for people. */
    readonly said: string,
  ) {
    super(problem);
  }
}

/** Fill leases need what `mg … N` and `ma … J` do since then. */
const minVersion = [1, 6, 18] as const;
/** What is left for the greeting when a blocked loop learned late that the connection stands. */
const leastGreetingMs = 100;
/** memcached's own limit of `-I`, until the server has said its own. */
const largestItemBytes = 2 ** 30;

/** Connects, and asks who it is before anything is entrusted to it. @throws UnfitError, RefusalError, ServerError, Error */
export async function dial(address: string, options: DialOptions): Promise<Met> {
  const { session, commandTimeoutMs, clock, onEnd } = options;
  const line = await openLine(address, { ...options, borrowsChunks: true });
  let maxValueBytes = largestItemBytes;
  const connection = new MetaConnection(line, session, () => maxValueBytes, commandTimeoutMs, clock, onEnd);
  const settings = await greet(connection, options);
  const itemSizeMax = Number(settings.get('item_size_max')) || undefined;
  maxValueBytes = Math.min(itemSizeMax ?? largestItemBytes, largestItemBytes);
  return { connection, address, itemSizeMax, evictsItems: settings.get('evictions') === 'on' };
}

/** In what is left of the connect deadline. */
async function greet(
  connection: MetaConnection,
  { clock, connectTimeoutMs, startedAt }: DialOptions,
): Promise<ReadonlyMap<string, string>> {
  const leftMs = connectTimeoutMs - (clock.monotonic() - startedAt);
  let isGreeted = false;
  const timer = clock.after(Math.max(leftMs, Math.min(leastGreetingMs, connectTimeoutMs)), () => {
    setImmediate(() => {
      if (!isGreeted) connection.end(`no greeting within ${connectTimeoutMs} ms`);
    });
  });
  try {
    // An answer to `version` counts before what the others meet with an old server.
    const [version, settings] = await allAnswered(
      versionOf(connection),
      settingsOf(connection),
      speaksMeta(connection),
    );
    if (isOlder(version)) throw tooOld(version.slice(0, 20));
    if (settings.get('cas_enabled') === 'no') throw withoutRevisions();
    if (settings.get('proxy_enabled') === 'yes') throw aProxy();
    isGreeted = true;
    return settings;
  } catch (error) {
    connection.end('it was refused at the greeting');
    throw error;
  } finally {
    timer.cancel();
  }
}

function tooOld(version: string): UnfitError {
  const least = minVersion.join('.');
  const said = `is version ${version}; ${least} or later is needed. It is not used until it is upgraded.`;
  return new UnfitError('too-old', `version ${version} is older than ${least}`, said);
}

/** Without revisions every lock and every fill would be lost, and a removal by revision would remove anything. */
function withoutRevisions(): UnfitError {
  const said = `was started with -C, which takes the revisions (CAS) away that fills and locks stand on. It is not used until it is started without -C.`;
  return new UnfitError('unsuitable', 'it was started with -C: it keeps no revisions', said);
}

/** Each of the servers behind it counts its own revisions and restarts by itself, and some commands go to several of them or to others. */
function aProxy(): UnfitError {
  const said = `is a proxy of other servers, which hides from whom an answer comes. It is not used. Name the servers behind it in \`servers\`.`;
  return new UnfitError('unsuitable', 'it is a proxy', said);
}

/** Once each has its answer. @throws what the first of them that failed was told; an old server is told by its version. */
async function allAnswered(
  version: Promise<string>,
  settings: Promise<ReadonlyMap<string, string>>,
  meta: Promise<void>,
) {
  const [told] = await Promise.allSettled([version, settings, meta]);
  if (told.status === 'fulfilled' && isOlder(told.value)) return [told.value, new Map<string, string>()] as const;
  const [, known] = await Promise.all([version, settings, meta]);
  return [await version, known] as const;
}

function versionOf(connection: MetaConnection): Promise<string> {
  return new Promise((resolve, reject) => {
    connection.version((error, reply) => (error ? reject(error) : resolve(reply?.word ?? '')));
  });
}

function settingsOf(connection: MetaConnection): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve, reject) => {
    connection.stats('stats settings', (error, lines) => (error ? reject(error) : resolve(new Map(lines))));
  });
}

/** What stands between may answer `version` and know nothing of the meta protocol. */
function speaksMeta(connection: MetaConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.send({ line: 'mg ~greeting' }, (error) => (error ? reject(error) : resolve()));
  });
}

function isOlder(version: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (!parts) return true;
  for (const [index, least] of minVersion.entries()) {
    const part = parts[index] as number;
    if (part !== least) return part < least;
  }
  return false;
}
