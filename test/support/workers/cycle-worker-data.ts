/** Where the stores of a worker are that opens and closes them again and again. */
export interface CycleWorkerData {
  readonly directory: string;
  readonly servers: string;
  readonly url: string;
}
