import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface ResourceAnswer {
  readonly value: number;
  /** The largest fencing token that it has seen. */
  readonly max: number;
  readonly accepted: boolean;
}

/** Speaks to the protected resource: a line of JSON each way. */
export class ResourceClient {
  private readonly waiting: ((answer: ResourceAnswer) => void)[] = [];

  private constructor(private readonly socket: Socket) {
    createInterface({ input: socket }).on('line', (line) => this.waiting.shift()?.(JSON.parse(line) as ResourceAnswer));
  }

  static async connect(port: number): Promise<ResourceClient> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.unref();
    return new ResourceClient(socket);
  }

  read(name: string): Promise<ResourceAnswer> {
    return this.ask({ op: 'read', name });
  }

  write(name: string, token: number, value: number): Promise<ResourceAnswer> {
    return this.ask({ op: 'write', name, token, value });
  }

  close(): void {
    this.socket.destroy();
  }

  private ask(question: object): Promise<ResourceAnswer> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.socket.write(`${JSON.stringify(question)}\n`);
    });
  }
}
