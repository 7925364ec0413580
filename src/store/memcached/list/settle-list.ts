import type { Revision } from '../../store.js';
import { compareBallots, isSameBallot } from './list-mark.js';
import type { ListMark } from './list-mark.js';
import { isSameList } from './server-source.js';

/** Reads a server's mark. */
export interface MarkAsk {
  readonly server: string;
  /** Raises it first, if it is none or an older list's. */
  readonly raise?: ListMark;
  /** Raises it first, if it is still the one that was seen. */
  readonly open?: { readonly mark: ListMark; readonly seen: Revision };
}

/** The mark as it stands afterwards. Undefined: the server can't be asked. */
export type MarkReply = { readonly mark: ListMark | undefined; readonly revision: Revision | undefined } | undefined;

/** Each `yield` asks several servers at once. It knows no socket, so that a test can take it through every interleaving. */
export type Settling<R> = Generator<readonly MarkAsk[], R, readonly MarkReply[]>;

export interface Situation {
  /** What the source says. Sorted. */
  readonly listed: { readonly servers: readonly string[]; readonly version: number | undefined };
  /** The list that this process works on. */
  readonly current: ListMark | undefined;
  /** Whether that has been so, each time that it was looked, for as long as the source may take to reach everybody. */
  readonly lasted: (what: string) => boolean;
  readonly drawId: () => string;
  /** The number of a list that nothing is known before. */
  readonly firstNumber: number;
  /** False only for negative controls. */
  readonly closesOld: boolean;
  readonly looksTwice: boolean;
}

export type Settled =
  /** This process may work on it. */
  | { readonly status: 'open'; readonly mark: ListMark }
  /** Look again at once: others were at work, or a server went away meanwhile. */
  | { readonly status: 'again'; readonly top: ListMark | undefined }
  | { readonly status: 'waiting'; readonly top: ListMark | undefined; readonly reason: string };

const maxTries = 4;

/**
 * Finds the list that all processes work on, and takes part in changing it where the source says another.
 *
 * A list is opened in two steps, so that no two are open at a time: every server of the old and of the new list is raised to the new list's mark, and is
 * found there by a reading that was sent after all were raised; only then are the new list's servers opened. 1. C raises S1. 2. S1 restarts, and has no
 * mark. 3. D still works on the old list and marks S1 with it again. 4. C raises S2. Had C not looked at S1 once more, D's list would be open on S1 beside the
 * new one; and D opens nothing on S1 before it found the others at its list *after* it had marked S1.
 *
 * docs/decisions/a-list-of-servers-changes-at-one-mark.md has the interleavings, and what is assumed of servers that can't be asked.
 */
export function* settleList(situation: Situation): Settling<Settled> {
  const { listed, current, lasted, closesOld, looksTwice } = situation;
  const found = new Map<string, MarkReply>();
  yield* look(found, [...listed.servers, ...(current?.servers ?? [])]);
  const marks = [...found.values()].flatMap((reply) => reply?.mark ?? []);
  const top = highest(current ? [...marks, current] : marks);
  // Nobody remembers: others may work on a list whose servers are not known here.
  const isForgotten = !marks.some((mark) => isSameBallot(mark, top));
  const isForgottenForLong = isForgotten && lasted(`unmarked ${listed.servers.join(',')}`);
  const target = targetOf(situation, top, isOpenIn(marks, top), isForgotten);
  if (!target)
    return { status: 'waiting', top, reason: 'the servers are marked with another list than the source names' };

  const isOpen = isOpenIn(marks, target);
  if (target.servers.every((server) => isOpenAt(found.get(server), target)))
    return { status: 'open', mark: { ...target, isOpen: true } };
  const all = isOpen || !closesOld ? target.servers : target.must;
  yield* look(found, all);
  const away = all.filter((server) => !found.get(server));
  const present = all.filter((server) => found.get(server));
  const awayForLong = away.map((server) => lasted(`away ${server} ${listed.servers.join(',')}`));
  if (!isOpen && awayForLong.includes(false))
    return { status: 'waiting', top, reason: `${away.join(', ')} can't be told of the new list` };
  if (!present.some((server) => target.servers.includes(server)))
    return { status: 'waiting', top, reason: 'none of its servers can be reached' };
  if (isForgotten && !isForgottenForLong)
    return {
      status: 'waiting',
      top,
      reason: 'no server is marked with a list yet, and others may be at work elsewhere',
    };

  const closed = yield* raiseAll(present, { ...target, isOpen: false }, looksTwice);
  if (!closed) return { status: 'again', top };
  // Whoever reaches a server that could not be told learns of it from the source, or stops, meanwhile.
  if (!isOpen && away.length > 0 && !lasted(`closed ${target.number} ${target.id}`))
    return { status: 'waiting', top, reason: `${away.join(', ')} could not be told of the new list` };
  const opened = { ...target, isOpen: true };
  const unopened = present.flatMap((server, index): MarkAsk[] => {
    const seen = closed[index]?.revision;
    if (!seen || closed[index]?.mark?.isOpen || !target.servers.includes(server)) return [];
    return [{ server, open: { mark: opened, seen } }];
  });
  const replies = yield unopened;
  const isNow = [...closed, ...replies].some((reply) => isOpenAt(reply, target));
  return isNow ? { status: 'open', mark: opened } : { status: 'again', top };
}

/**
 * The list to be on. Undefined: the source's is another than that of the servers, and it is not certain that it is the newer.
 *
 * A list that no server remembers is not opened again, though its servers are the same: 1. P's removal under it fails, since the only server has restarted.
 * 2. P fills k under it; that fails as well, and k lies there. 3. Others work on a newer list, and invalidate k. 4. The server restarts once more, and whoever
 * still knows the older list opens it. The one of 2 would be served.
 */
function targetOf(
  { listed: { servers, version }, lasted, drawId, firstNumber }: Situation,
  top: ListMark | undefined,
  isOpen: boolean,
  isForgotten: boolean,
): ListMark | undefined {
  const fresh = { id: drawId(), version, servers, isOpen: false };
  if (!top) return { ...fresh, number: firstNumber, must: servers };
  const isSame = isSameList(top.servers, servers);
  if (isSame && !isForgotten) return top;
  const isNewer = version !== undefined && top.version !== undefined && version > top.version;
  const stays = !isSame && lasted(`differs ${top.number} ${top.id} ${servers.join(',')}`);
  if (!isSame && !isNewer && !stays) return undefined;
  const before = isOpen || top.isOpen ? top.servers : top.must;
  const number = Math.max(firstNumber, top.number + 1);
  return { ...fresh, number, must: [...new Set([...before, ...servers])].sort() };
}

function* look(found: Map<string, MarkReply>, servers: readonly string[]): Settling<void> {
  const unread = [...new Set(servers)].filter((server) => !found.has(server));
  if (unread.length === 0) return;
  const replies = yield unread.map((server) => ({ server }));
  for (const [index, server] of unread.entries()) found.set(server, replies[index]);
}

/** Until a reading that was sent after all were raised finds all of them there. Undefined: one went away, or stands at a newer list. */
function* raiseAll(
  servers: readonly string[],
  target: ListMark,
  looksTwice: boolean,
): Settling<readonly MarkReply[] | undefined> {
  for (let tries = 0; tries < maxTries; tries++) {
    const raised = yield servers.map((server) => ({ server, raise: target }));
    if (raised.some((reply) => !reply || isBeyond(reply.mark, target))) return undefined;
    const replies = looksTwice ? yield servers.map((server) => ({ server })) : raised;
    if (replies.some((reply) => !reply || isBeyond(reply.mark, target))) return undefined;
    if (replies.every((reply) => isSameBallot(reply?.mark, target))) return replies;
  }
  return undefined;
}

const isBeyond = (mark: ListMark | undefined, target: ListMark): boolean =>
  mark !== undefined && compareBallots(mark, target) > 0;

const isOpenAt = (reply: MarkReply, one: ListMark): boolean =>
  reply?.mark?.isOpen === true && isSameBallot(reply.mark, one);

const isOpenIn = (marks: readonly ListMark[], one: ListMark | undefined): boolean =>
  marks.some((mark) => mark.isOpen && isSameBallot(mark, one));

function highest(marks: readonly ListMark[]): ListMark | undefined {
  return marks.reduce<ListMark | undefined>(
    (top, mark) => (top && compareBallots(top, mark) >= 0 ? top : mark),
    undefined,
  );
}
