import { randomBytes } from 'node:crypto';
import { assertPrimary } from '../store/redis/assert-primary.js';
import { askScript } from '../store/redis/ask-script.js';
import type { RedisArgument, RedisReply } from '../store/redis/driver/redis-driver.js';
import { otherReply } from '../store/redis/other-reply.js';
import type { RedisAccess } from '../store/redis/redis-access.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';
import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import type { RedisScript } from '../store/redis/redis-script.js';
import { RedisServerError } from '../store/redis/redis-server-error.js';
import { newWord } from '../store/redis/redis-word.js';
import { StoreUnavailableError } from '../value/errors.js';
import { blankHead, headBytes, noRevision, readHead } from './document-head.js';
import type { DocumentHead } from './document-head.js';
import type { DocumentNames } from './document-names.js';
import * as scripts from './document-scripts.js';

/** The server has no room for it. */
export class FullError extends Error {}

/** A document as it stands in Redis. */
export interface StandingDocument extends DocumentHead {
  /** Bytes of the body. */
  readonly size: number;
  /** Its first bytes. */
  readonly first: Buffer;
}

export interface Look {
  readonly document: StandingDocument | undefined;
  /** Revisions up to this one are no longer true. */
  readonly floor: string;
  /** It was written, or deleted, on the server that answers, and is not in the object store so: objects with a greater revision are earlier nevertheless. */
  readonly isLast: boolean;
  /** By the server's clock, in microseconds. */
  readonly at: string;
}

/** What is coming in: unseen until it is complete. */
export interface Stage {
  readonly name: string;
  /** With the head. */
  length: number;
}

/** Counting so many holds a server up for twenty milliseconds. */
const countedAtOnce = 20_000;

/** The scripts of the documents, as calls. Whatever can't be asked is StoreUnavailableError: what was to be changed may have been. */
export class DocumentServer {
  constructor(
    readonly names: DocumentNames,
    private readonly access: Promise<RedisAccess>,
    /** Called with each connection before it is used. @throws InvalidOptionError for a server that can't keep documents. */
    private readonly examine: (connection: RedisConnection) => Promise<void>,
  ) {}

  async connected(): Promise<RedisConnection> {
    const connection = await (await this.access).connected(0);
    await this.examine(connection);
    return connection;
  }

  /** @throws FullError */
  async putWhole(id: string, sha256: Buffer, body: Buffer, budget: number): Promise<string | undefined> {
    const [revision] = await this.run(scripts.putWhole, id, '', [sha256, body, String(budget)]);
    return textOf(revision) || undefined;
  }

  newStage(): Stage {
    return { name: randomBytes(12).toString('base64url'), length: 0 };
  }

  /** @returns `over` the budget. @throws FullError; StoreUnavailableError also where somebody has removed the stage. */
  async append(stage: Stage, bytes: Buffer, budget: number): Promise<'appended' | 'over'> {
    const added = stage.length === 0 ? Buffer.concat([blankHead, bytes]) : bytes;
    const rest = [stage.name, added, String(stage.length), String(budget)];
    const [reply] = await this.run(scripts.appendStage, '', stage.name, rest);
    if (reply === 0) return 'over';
    if (reply !== 1) throw this.lost();
    stage.length += added.length;
    return 'appended';
  }

  async commit(id: string, stage: Stage, sha256: Buffer): Promise<string> {
    const [reply] = await this.run(scripts.commitStage, id, stage.name, [stage.name, sha256, String(stage.length)]);
    const revision = textOf(reply);
    if (!revision) throw this.lost();
    return revision;
  }

  /** @param lookedAt when the reader has looked. @param withinMs since then nothing was forgotten that says that it is not the document any more. */
  async keepCopy(
    id: string,
    stage: Stage,
    head: DocumentHead,
    { lifeMs, lookedAt, withinMs }: { readonly lifeMs: number; readonly lookedAt: string; readonly withinMs: number },
  ): Promise<boolean> {
    const life = [String(lifeMs), lookedAt, String(withinMs * 1_000)];
    const rest = [stage.name, head.sha256, String(stage.length), head.revision, ...life];
    return (await this.run(scripts.keepCopy, id, stage.name, rest))[0] === 1;
  }

  async giveUp(name: string): Promise<void> {
    await this.run(scripts.giveUpStage, '', name, [name]);
  }

  /** What was staged so far, read back. */
  async *staged(stage: Stage, chunk: number): AsyncGenerator<Buffer, void> {
    for (let at = headBytes; at < stage.length; at += chunk) {
      const bytes = await this.part(this.names.stage(stage.name), noRevision, at, Math.min(at + chunk, stage.length));
      if (!bytes) throw this.lost();
      yield bytes;
    }
  }

  /** @param wanted bytes of the body. */
  async look(id: string, wanted = 0): Promise<Look> {
    const [found, length, floor, isLast, at] = await this.run(scripts.look, id, '', [String(headBytes + wanted)]);
    const head = Buffer.isBuffer(found) ? readHead(found) : undefined;
    const document =
      head && Buffer.isBuffer(found)
        ? { ...head, size: Number(length) - headBytes, first: found.subarray(headBytes) }
        : undefined;
    return { document, floor: textOf(floor) ?? '', isLast: isLast === 1, at: textOf(at) ?? '0' };
  }

  /** Bytes of the body from `start` up to `end`, which is not included; undefined where this revision no longer stands there. */
  read(id: string, revision: string, start: number, end: number): Promise<Buffer | undefined> {
    return this.part(this.names.document(id), revision, start + headBytes, end + headBytes);
  }

  /** @returns whether this revision still stood there. */
  async release(id: string, revision: string, lifeMs: number): Promise<boolean> {
    return (await this.run(scripts.release, id, '', [revision, String(lifeMs)]))[0] === 1;
  }

  /** @param latest the latest revision in the object store. @returns a later one. */
  async drawRevision(id: string, latest: string): Promise<string> {
    const revision = textOf((await this.run(scripts.drawRevision, id, '', [latest || '0']))[0]);
    if (!revision) throw this.lost();
    return revision;
  }

  /** Gives what was written or deleted here a later revision than this one. @returns whether it has one. */
  async outdo(id: string, latest: string): Promise<boolean> {
    return (await this.run(scripts.outdo, id, '', [latest]))[0] === 1;
  }

  /** Gives what stands a later revision than what is said to be no longer true. @returns whether something stands. */
  async outlive(id: string): Promise<boolean> {
    return (await this.run(scripts.outlive, id, '', []))[0] === 1;
  }

  async passBy(id: string, revision: string): Promise<boolean> {
    return (await this.run(scripts.passBy, id, '', [revision]))[0] === 1;
  }

  async remove(id: string): Promise<string> {
    return textOf((await this.run(scripts.remove, id, '', []))[0]) ?? '';
  }

  async forgetRemoved(id: string, revision: string): Promise<void> {
    await this.run(scripts.forgetRemoved, id, '', [revision]);
  }

  /** @returns the next ids that were deleted between the two, which nobody else gets; both in microseconds of the server's clock. */
  async takeRemoved(from: number, upTo: number, count: number): Promise<string[]> {
    const rest = [from, upTo, count].map(String);
    const [ids] = await this.run(scripts.takeRemoved, '', '', rest);
    return (itemsOf(ids) ?? []).map((id) => textOf(id) ?? '');
  }

  /** Forgets which documents were replaced, at the earliest so long after each was. */
  async turnFloors(lateMs: number): Promise<void> {
    await this.run(scripts.turnFloors, '', '', [String(lateMs * 1_000)]);
  }

  async reconcile(id: string): Promise<'known' | 'adopted' | 'gone'> {
    const [reply] = await this.run(scripts.reconcile, id, '', []);
    return reply === 1 ? 'adopted' : reply === 2 ? 'gone' : 'known';
  }

  /** Counts anew what can't be evicted, unless that is too much to be counted at once. */
  async recount(): Promise<void> {
    await this.run(scripts.recount, '', '', [this.names.stage(''), String(countedAtOnce)]);
  }

  /** @returns whether it is the turn of whoever asks to sweep. */
  async takeTurn(asker: string, forMs: number): Promise<boolean> {
    return (await this.runOn(scripts.takeTurn, [this.names.sweeper], [asker, String(forMs)]))[0] === 1;
  }

  /** A command as it is, which asks or makes room: a server that is full refuses all others. */
  async ask(...args: readonly RedisArgument[]): Promise<RedisReply> {
    const connection = await this.connected();
    return connection.ask(args).catch((error: unknown) => {
      throw refused(connection, error);
    });
  }

  /** What the server's clock says, in microseconds. */
  async micros(): Promise<number> {
    const [seconds = 0, micros = 0] = (itemsOf(await this.ask('TIME')) ?? []).map((part) => Number(textOf(part)));
    return seconds * 1_000_000 + micros;
  }

  private async part(key: string, revision: string, start: number, end: number): Promise<Buffer | undefined> {
    const [bytes] = await this.runOn(scripts.readPart, [key], ['', revision, String(start), String(end - 1)]);
    return Buffer.isBuffer(bytes) && bytes.length === end - start ? bytes : undefined;
  }

  private run(
    script: RedisScript,
    id: string,
    stage: string,
    rest: readonly RedisArgument[],
  ): Promise<readonly RedisReply[]> {
    const { names } = this;
    const document = id === '' ? names.state : names.document(id);
    const keys = [document, names.state, names.dirty, names.sizes, names.floors, names.removed, names.staged];
    const all = [...keys, stage === '' ? names.state : names.stage(stage), names.written, names.earlierFloors];
    return this.runOn(script, all, [id, ...rest]);
  }

  private async runOn(
    script: RedisScript,
    keys: readonly string[],
    rest: readonly RedisArgument[],
  ): Promise<readonly RedisReply[]> {
    const connection = await this.connected();
    const word = newWord();
    const args = [String(keys.length), ...keys, word, ...rest, connection.identity?.incarnation ?? ''];
    // A look changes nothing: a server that has become a replica answers it as well.
    const [reply, role] = await Promise.all([
      askScript(connection, script, args),
      script === scripts.look ? connection.ask(['ROLE']) : undefined,
    ]).catch((error: unknown) => {
      throw refused(connection, error);
    });
    const [echo, ...replies] = itemsOf(reply) ?? [];
    if (textOf(echo) !== word) throw otherReply(connection);
    if (role !== undefined) assertPrimary(connection, role);
    return replies;
  }

  /** What was written here is here no more, and nobody has replaced it. */
  lost(): StoreUnavailableError {
    return new StoreUnavailableError('redis documents', 'what was being written has gone');
  }
}

/** What a refusal of the server is to whoever has asked: FullError or StoreUnavailableError. */
export function refused(connection: RedisConnection, error: unknown): unknown {
  if (!(error instanceof RedisServerError)) return error;
  if (error.code === 'OOM') return new FullError(error.message);
  return connection.unavailable(`the server refuses (${error.message})`, error);
}
