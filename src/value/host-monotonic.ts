/**
 * Milliseconds on the monotonic clock of this machine: one clock for all processes of one boot, which nobody sets. It stands still while the machine is
 * suspended, so that what is measured with it is at least as long as it says.
 */
export function hostMonotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
