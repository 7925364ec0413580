import 'reflect-metadata';
import { createCipheriv } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { Controller, Get, Module, Param, Req, Res } from '@nestjs/common';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { folderObjectStore } from 'nestjs-tiered-cache';
import { send, TieredFiles, TieredFilesModule } from 'nestjs-tiered-cache/files';
import { announce } from './forked-server.js';

const directory = mkdtempSync(join(tmpdir(), 'bench-files-'));
const plain = join(directory, 'plain');
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const bytesOf = (size: number): Buffer =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2)).update(Buffer.alloc(size));

interface FileResponse {
  sendFile(path: string, root?: string): unknown;
}

/** Decorators as functions: the runner strips types and keeps no metadata. */
function decorated(type: Type, passthrough: boolean): Type {
  const { prototype } = type as unknown as { prototype: object };
  Reflect.defineMetadata('design:paramtypes', [String, Object, Object], prototype, 'read');
  Param('name')(prototype, 'read', 0);
  Req()(prototype, 'read', 1);
  Res({ passthrough })(prototype, 'read', 2);
  Get(':name')(prototype, 'read', Object.getOwnPropertyDescriptor(prototype, 'read') as PropertyDescriptor);
  Controller()(type);
  return type;
}

function sendController(files: () => TieredFiles): Type {
  class SendController {
    async read(name: string, request: object, response: object): Promise<unknown> {
      return send(await files().open({ uid: name, key: name }), request, response);
    }
  }
  return decorated(SendController, true);
}

function plainController(adapter: string): Type {
  class PlainController {
    read(name: string, _: object, response: FileResponse): void {
      if (adapter === 'Express') response.sendFile(join(plain, name));
      else response.sendFile(name);
    }
  }
  return decorated(PlainController, false);
}

async function listen(contender: string): Promise<number> {
  const [what, adapter = '', large] = contender.split(' ');
  // By what the last part of the path says.
  const contents = { small: bytesOf(20_000), large: bytesOf(Number(large)) };
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(plain, name), bytes);
  const objects = folderObjectStore({ directory: join(directory, 'objects') });
  let app: INestApplication | undefined;
  class FilesBenchModule {}
  Module(
    what === 'send'
      ? {
          imports: [TieredFilesModule.forRoot({ objects, directory: join(directory, 'copies'), maxBytes: '2gb' })],
          controllers: [sendController(() => (app as INestApplication).get(TieredFiles))],
        }
      : { controllers: [plainController(adapter)] },
  )(FilesBenchModule);
  const options = { logger: ['error'] as ['error'] };
  if (adapter === 'Express') app = await NestFactory.create(FilesBenchModule, options);
  else {
    const fastify = new FastifyAdapter();
    if (what !== 'send') await fastify.getInstance().register(fastifyStatic as never, { root: plain, serve: false });
    app = await NestFactory.create(FilesBenchModule, fastify as never, options);
  }
  for (const [name, bytes] of Object.entries(contents)) await objects.put(name, bytes);
  await app.listen(0, '127.0.0.1');
  return ((app.getHttpServer() as Server).address() as AddressInfo).port;
}

mkdirSync(plain);
const ports: number[] = [];
for (const contender of process.argv.slice(2)) ports.push(await listen(contender));
announce(ports);
