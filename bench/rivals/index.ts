// What people use today instead. None of it is a dependency: each rival says what is missing, or
// which version it is, and starts the server it needs.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { findZookeeper, startZookeeper } from '../../test/support/zookeeper-server'
import { stop, useBothCores } from '../harness/machine'
import { RIVALS_DIR } from '../harness/paths'

export type RivalName =
  | 'lmdb'
  | 'better-sqlite3'
  | 'redis'
  | 'bullmq'
  | 'prom-client'
  | 'express-prom-bundle'
  | 'perl'
  | 'parallel'
  | 'zookeeper'

export interface Service {
  params: Record<string, unknown>
  close(): Promise<void>
}

export interface Rival {
  /** What is compared, with its version. Throws an error that says what is missing. */
  describe(options: { mayInstall: boolean }): string
  /** Starts what it needs; `dir` is empty and its own. */
  start?(dir: string): Promise<Service>
}

const rivalRequire = createRequire(path.join(RIVALS_DIR, 'package.json'))

/** A package from bench/rivals; its types are not there, since it need not be there itself. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export function rivalPackage(name: string): any {
  return rivalRequire(name)
}

function installedVersion(name: string): string {
  const manifest = path.join(RIVALS_DIR, 'node_modules', name, 'package.json')
  if (!fs.existsSync(manifest)) throw new Error(`the package ${name} is not installed`)
  rivalPackage(name)
  return `${name} ${(JSON.parse(fs.readFileSync(manifest, 'utf8')) as { version: string }).version}`
}

function run(command: string, args: string[], otherwise: string): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    throw new Error(otherwise)
  }
}

function redisVersion(): string {
  const server = run('redis-server', ['--version'], 'there is no redis-server')
  return `Redis ${/v=(\S+)/.exec(server)?.[1] ?? server}`
}

async function startRedis(dir: string): Promise<Service & { pid: number }> {
  const socket = path.join(dir, 'redis.sock')
  // Nothing of it touches a disk or the network.
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', dir]
  const server: ChildProcess = spawn('redis-server', options, { stdio: 'ignore' })
  const failed = new Promise<never>((_, reject) => {
    server.once('error', reject)
    server.once('exit', () => reject(new Error('redis-server ended at once')))
  })
  failed.catch(() => {})
  const { Redis } = rivalPackage('ioredis')
  const client = new Redis({ path: socket, retryStrategy: () => 20, maxRetriesPerRequest: 500 })
  client.on('error', () => {}) // until the server listens
  try {
    await Promise.race([client.ping(), failed])
  } finally {
    client.disconnect()
  }
  return { params: { redisSocket: socket }, pid: server.pid!, close: () => stop(server) }
}

/** The server of our own queue, and of its ancestor's protocol. */
async function startServer(dir: string): Promise<Service> {
  const server = await startZookeeper(1, dir)
  return { params: { zookeeperHosts: server.hosts }, close: () => server.stop() }
}

export const RIVALS: Record<RivalName, Rival> = {
  lmdb: { describe: () => installedVersion('lmdb') },
  'better-sqlite3': {
    describe: () => {
      const version = installedVersion('better-sqlite3')
      const Database = rivalPackage('better-sqlite3')
      new Database(':memory:').close() // it loads its native part only now
      return version
    },
  },
  redis: {
    describe: () => {
      return `${redisVersion()} over a unix socket, ${installedVersion('ioredis')}`
    },
    start: startRedis,
  },
  bullmq: {
    describe: () => `${installedVersion('bullmq')}, ${redisVersion()} over a unix socket`,
    start: async (dir) => {
      const server = await startRedis(dir)
      // Its workers have both cores too.
      useBothCores(server.pid)
      return server
    },
  },
  'prom-client': { describe: () => installedVersion('prom-client') },
  'express-prom-bundle': { describe: () => installedVersion('express-prom-bundle') },
  perl: {
    describe: () => {
      const print = 'print "Parallel::Scoreboard $Parallel::Scoreboard::VERSION, perl $^V"'
      return run(
        'perl',
        ['-MParallel::Scoreboard', '-e', print],
        'there is no perl with the module Parallel::Scoreboard (PERL5LIB may lead to it)',
      )
    },
  },
  parallel: {
    describe: () =>
      run('parallel', ['--version'], 'there is no GNU parallel (apt-get install parallel)').split('\n')[0]!,
  },
  zookeeper: {
    describe: ({ mayInstall }) => {
      const { version } = findZookeeper({ mayInstall })
      const client = rivalRequire('zookeeper/package.json') as { version: string }
      return `ZooKeeper ${version}, over npm zookeeper ${client.version}`
    },
    start: startServer,
  },
}
