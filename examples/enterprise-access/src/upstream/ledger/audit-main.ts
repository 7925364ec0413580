import { auditFile } from './audit-file.js';

// node dist/upstream/ledger/audit-main.js <file>: exits with 1 when the books are wrong, 2 when they can't be read.
try {
  const report = await auditFile(process.argv[2] ?? '');
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = report.violations.length > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
