import 'reflect-metadata';
import type { AddressInfo, Server } from 'node:net';
import { InvalidOptionError } from 'nestjs-tiered-cache';
import { createApp } from './create-app.js';

// node dist/main.js: serves on PORT until SIGTERM, and prints {"service","port","address"} as one line when it is ready.
try {
  const { app, configuration } = await createApp();
  await app.listen(configuration.port, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const ready = { service: 'enterprise-access', port, address: `http://127.0.0.1:${port}` };
  if (process.send) process.send(ready);
  else console.log(JSON.stringify(ready));
} catch (error) {
  if (error instanceof InvalidOptionError) console.error(error.message);
  else if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    console.error(`PORT: ${process.env['PORT'] || 3000} is in use. Give another one, or 0 for one that is free.`);
  } else console.error(error);
  process.exit(1);
}
