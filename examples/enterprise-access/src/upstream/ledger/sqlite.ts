import { createRequire } from 'node:module';
import type * as NodeSqlite from 'node-sqlite3-wasm';

// A CommonJS module whose names Node's lexer can't see, hence the require.
const { Database } = createRequire(import.meta.url)('node-sqlite3-wasm') as typeof NodeSqlite;

type BindValue = string | number | null;
export type Row = Readonly<Record<string, string | number | null>>;

/**
 * One connection to one database file. Statements are prepared per call: after a failed step this build of SQLite refuses to bind
 * a statement again, and a commit's fsync costs more than a parse (0.2 ms against 0.02).
 */
export class Sqlite {
  private readonly database: NodeSqlite.Database;

  /** @param file is created if absent, and held by this connection alone until it is closed. */
  constructor(file: string) {
    this.database = new Database(file);
    // The write-ahead log needs shared memory unless one connection holds the file for good; FULL syncs it at every commit.
    this.exec('PRAGMA locking_mode = EXCLUSIVE');
    this.exec('PRAGMA journal_mode = WAL');
    this.exec('PRAGMA synchronous = FULL');
    this.exec('PRAGMA foreign_keys = ON');
  }

  exec(sql: string): void {
    this.database.exec(sql);
  }

  run(sql: string, ...values: BindValue[]): number {
    return this.database.run(sql, values).changes;
  }

  get(sql: string, ...values: BindValue[]): Row | undefined {
    return (this.database.get(sql, values) as Row | null) ?? undefined;
  }

  all(sql: string, ...values: BindValue[]): Row[] {
    return this.database.all(sql, values) as Row[];
  }

  /** All or nothing, on the disk when it returns. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.database.inTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    if (this.database.isOpen) this.database.close();
  }
}
