// A real S3 server for one run: Ceph's radosgw over one monitor and one store in memory, from Debian's packages, unpacked and not installed.
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Remedy, outputOf, root, runQuietly } from './commands.mjs';

/** Survives `npm ci`'s next run at the price of 66 MB to fetch again. */
const cache = join(root, 'node_modules/.cache/nestjs-tiered-cache-radosgw');
const wanted = ['radosgw', 'ceph-mon', 'ceph-osd'];
/** What their programs and libraries lie in. Fetched also where the system has them installed, since they are run from one folder. */
const own = [...wanted, 'ceph-base', 'ceph-common', 'librados2'];
const programs = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'ceph-authtool', 'monmaptool'];
/** A mirror that is slow to answer is asked again; one that is silent is given up. */
const patience = ['-o', 'Acquire::Retries=3', '-o', 'Acquire::http::Timeout=30', '-o', 'Acquire::https::Timeout=30'];

async function must(what, command, args, options) {
  const { code, output } = await runQuietly(command, args, options);
  if (code !== 0) throw new Remedy(`${what} failed:\n${output.trimEnd()}`);
  return output;
}

/** Resolves to the folder with the unpacked packages. Fetches them when they are not there. */
export async function prepareRadosgw() {
  const unpacked = join(cache, 'root');
  if (existsSync(unpacked)) return unpacked;
  for (const tool of ['apt-get', 'dpkg-deb', '/usr/bin/python3']) {
    if (outputOf(tool) === undefined)
      throw new Remedy(`This system has no ${tool}: run test:objects on Debian or Ubuntu, with python3.`);
  }
  console.log('radosgw: fetching its packages (66 MB)');
  const updated = await updateLists();
  // What this machine lacks, dependencies included; a dry run.
  const plan = await runQuietly('apt-get', ['install', '-s', '--no-install-recommends', ...wanted]);
  if (plan.code !== 0) throw notFetched('finding', updated, plan.output);
  const lacking = [...plan.output.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
  const folder = join(cache, 'fetched');
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const fetched = await runQuietly('apt-get', [...patience, 'download', ...new Set([...lacking, ...own])], {
    cwd: folder,
  });
  if (fetched.code !== 0) throw notFetched('fetching', updated, fetched.output);
  const half = join(cache, 'unpacking');
  mkdirSync(half);
  for (const file of readdirSync(folder)) await must(`unpacking ${file}`, 'dpkg-deb', ['-x', join(folder, file), half]);
  const missing = programs.filter((program) => !existsSync(join(half, 'usr/bin', program)));
  if (missing.length > 0) throw new Remedy(`The packages of radosgw hold no ${missing.join(', ')}.`);
  rmSync(folder, { recursive: true });
  renameSync(half, unpacked);
  return unpacked;
}

/** A fresh machine has no lists of packages. Resolves to what apt-get said; where it failed, older lists may do. */
async function updateLists() {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (asRoot.length > 0 && outputOf('sudo') === undefined) return 'apt-get update was not run: neither root nor sudo.';
  const [command, ...args] = [...asRoot, 'apt-get', ...patience, 'update'];
  const { code, output } = await runQuietly(command, args);
  return code === 0 ? output : `apt-get update ended with code ${code}:\n${output}`;
}

const notFetched = (step, updated, output) =>
  new Remedy(
    `${step} the packages of radosgw failed, so nothing was tested:\n${output.trimEnd()}\n\n${updated.trimEnd()}\n\n` +
      "Let this machine reach its packages' mirror, or run npm run test:objects on one that does.",
  );

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts mon, osd and radosgw in a folder of this run. Resolves to `{ port, pid, key, secret, stop }`. */
export async function startRadosgw(unpacked, scratch) {
  const triplet = readdirSync(join(unpacked, 'usr/lib')).find((name) => name.endsWith('-linux-gnu'));
  if (triplet === undefined) throw new Remedy('The packages of radosgw hold no libraries for this machine.');
  const libraries = join(unpacked, 'usr/lib', triplet);
  const config = join(scratch, 'ceph.conf');
  const env = {
    LD_LIBRARY_PATH: [libraries, join(unpacked, 'lib', triplet), join(libraries, 'ceph')].join(':'),
    PYTHONPATH: join(unpacked, 'usr/lib/python3/dist-packages'),
    PATH: `${join(unpacked, 'usr/bin')}:${process.env.PATH}`,
    CEPH_CONF: config,
  };
  const at = (...parts) => join(scratch, ...parts);
  for (const folder of ['mon', 'osd', 'run', 'log']) mkdirSync(at(folder), { recursive: true });
  const [monPort, port] = [await freePort(), await freePort()];
  const [id, osdId, key, secret] = [
    randomUUID(),
    randomUUID(),
    'K' + randomBytes(9).toString('hex'),
    randomBytes(20).toString('hex'),
  ];
  writeFileSync(config, configuration({ scratch, libraries, id, monPort, port }));
  const tool = (command, ...args) => must(command, join(unpacked, 'usr/bin', command), args, { env });
  const python = (...args) =>
    must('ceph', '/usr/bin/python3', [join(unpacked, 'usr/bin/ceph'), '-c', config, ...args], { env });
  const servers = [];
  /** In the foreground, so that it is this process's child; it has no pipe to keep open. */
  const serve = (command, ...args) => {
    const log = openSync(at('log', `${command}.out`), 'a');
    const child = spawn(join(unpacked, 'usr/bin', command), [...args, '-f', '-c', config], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const ended = once(child, 'exit').catch(() => []);
    servers.push({ child, ended });
    return child;
  };
  const stop = async () => {
    // All in memory: nothing to tidy up, and the store takes seconds to leave by itself.
    for (const { child } of servers) child.kill('SIGKILL');
    await Promise.all(servers.map(({ ended }) => ended));
  };
  const killAtExit = () => servers.forEach(({ child }) => child.kill('SIGKILL'));
  process.once('exit', killAtExit).once('SIGTERM', killAtExit).once('SIGINT', killAtExit);
  try {
    const ring = at('keyring');
    await tool('ceph-authtool', '--create-keyring', ring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
    for (const [name, ...caps] of [
      ['client.admin', 'mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *'],
      ['osd.0', 'mon', 'allow profile osd', 'osd', 'allow *'],
      ['client.rgw', 'mon', 'allow rw', 'osd', 'allow rwx'],
    ]) {
      const pairs = caps.flatMap((cap, index) => (index % 2 === 0 ? ['--cap', cap, caps[index + 1]] : []));
      await tool('ceph-authtool', ring, '--gen-key', '-n', name, ...pairs);
    }
    const map = at('monmap');
    await tool('monmaptool', '--create', '--fsid', id, '--addv', 'a', `[v2:127.0.0.1:${monPort}]`, map);
    await tool('ceph-mon', '-i', 'a', '--mkfs', '--keyring', ring, '--monmap', map, '-c', config);
    serve('ceph-mon', '-i', 'a');
    await python('--connect-timeout', '30', 'osd', 'new', osdId);
    await tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osdId, '-c', config);
    serve('ceph-osd', '-i', '0');
    await python('--connect-timeout', '30', 'osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=here');
    await tool(
      'radosgw-admin',
      'user',
      'create',
      '--uid=test',
      '--display-name=test',
      `--access-key=${key}`,
      `--secret=${secret}`,
      '-c',
      config,
    );
    const gateway = serve('radosgw', '-n', 'client.rgw');
    await answering(port, gateway, at('log', 'radosgw.out'));
    return { port, pid: gateway.pid, key, secret, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answering(port, gateway, log) {
  for (let tries = 0; tries < 300; tries++) {
    if (gateway.exitCode !== null) break;
    const answered = await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(1000) }).catch(
      () => undefined,
    );
    if (answered?.ok) return;
    await sleep(100);
  }
  throw new Remedy(`radosgw does not answer:\n${readFileSync(log, 'utf8').slice(-2000)}`);
}

/** `paxos_propose_interval` and `tcp_nodelay` are what makes a start take 2 s instead of 15, and a small read 3 ms instead of 48. */
function configuration({ scratch, libraries, id, monPort, port }) {
  return `[global]
fsid = ${id}
mon_host = v2:127.0.0.1:${monPort}
mon_initial_members = a
ms_bind_msgr1 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = ${scratch}/keyring
auth_allow_insecure_global_id_reclaim = true
mon_cluster_log_file = none
mon_cluster_log_to_file = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
mon_tick_interval = 1
osd_pool_default_crush_rule = 0
osd_crush_chooseleaf_type = 0
run_dir = ${scratch}/run
log_file = ${scratch}/log/$name.log
admin_socket = ${scratch}/run/$name.asok
pid_file = ${scratch}/run/$name.pid
erasure_code_dir = ${libraries}/ceph/erasure-code
plugin_dir = ${libraries}/ceph
osd_class_dir = ${libraries}/rados-classes
setuser_match_path =
[mon]
mon_data = ${scratch}/mon
mon_data_avail_crit = 1
mon_data_avail_warn = 1
[osd]
osd_data = ${scratch}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_memory_target = 939524096
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw_thread_pool_size = 32
rgw_enable_ops_log = false
rgw_enable_usage_log = false
rgw_dns_name = localhost
`;
}
