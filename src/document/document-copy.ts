import { createHash } from 'node:crypto';
import type { DocumentServer } from './document-server.js';

export interface CopySettings {
  readonly maxBytes: number;
  readonly lifeMs: number;
  /** What takes longer to be read is not kept: by then nobody may know any more that it was replaced or deleted. */
  readonly withinMs: number;
  readonly budget: () => Promise<number>;
}

/** One document on its way back to Redis. Nothing of it ever fails: a copy that can't be kept is none. */
interface CopyInProgress {
  add(piece: Buffer): Promise<void>;
  /** @param lookedAt when it was found that Redis has none, by the server's clock. */
  keep(id: string, revision: string, lookedAt: string): Promise<void>;
  giveUp(): Promise<void>;
}

/** Brings documents back to Redis that were evicted and are read again. They may be evicted at once. */
export class DocumentCopy {
  constructor(
    private readonly server: DocumentServer,
    private readonly settings: CopySettings,
  ) {}

  mayKeep(size: number): boolean {
    return size <= this.settings.maxBytes;
  }

  begin(): CopyInProgress {
    const { server, settings } = this;
    const stage = server.newStage();
    const hash = createHash('sha256');
    let isOver = false;
    const attempt = async (act: () => Promise<boolean>): Promise<void> => {
      if (isOver) return;
      isOver = !(await act().catch(() => false));
    };
    return {
      add: (piece) =>
        attempt(async () => {
          hash.update(piece);
          return (await server.append(stage, piece, await settings.budget())) === 'appended';
        }),
      keep: (id, revision, lookedAt) =>
        attempt(async () => {
          if (stage.length === 0) await server.append(stage, Buffer.alloc(0), await settings.budget());
          const head = { revision, sha256: hash.digest() };
          const isKept = await server.keepCopy(id, stage, head, { ...settings, lookedAt });
          stage.length = 0;
          return isKept;
        }),
      giveUp: async () => {
        if (stage.length > 0) await server.giveUp(stage.name).catch(() => {});
      },
    };
  }
}
