import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from './audit.js';
import type { AuditReport } from './audit.js';
import { becomeSoleOwner } from './sole-owner.js';
import { Sqlite } from './sqlite.js';

/**
 * Audits the file of a ledger that is not running, killed ones included, on a copy: nothing is repaired in place.
 *
 * @throws when a ledger has the file open; ask it with `GET /audit` instead.
 */
export async function auditFile(file: string): Promise<AuditReport> {
  if (!existsSync(file)) throw new Error(`${file} does not exist. Give the path of a ledger's file.`);
  const owner = await becomeSoleOwner(file);
  const folder = mkdtempSync(join(tmpdir(), 'ledger-audit-'));
  try {
    const copy = join(folder, 'ledger.db');
    copyFileSync(file, copy);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`);
    const database = new Sqlite(copy);
    try {
      return audit(database);
    } finally {
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    owner.close();
  }
}
