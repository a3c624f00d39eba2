// Real ZooKeeper servers for the tests: one alone or an ensemble on loopback, each with temporary
// data and free ports of its own, ended by process id whatever happened to the test, even when its
// process was killed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Certificates, makeCertificates } from './certificates'
import { ROOT } from './paths'

const SCRIPT = join(ROOT, 'scripts', 'needs', 'zookeeper.mjs')
const START_MS = 60_000
const POLL_MS = 50

interface Found {
  java: string
  classpath: string
  version: string
}

let found: Found | undefined

/**
 * The server on this machine. Throws an error that says what is missing.
 *
 * @param options.mayInstall whether a missing one may be installed, default yes
 */
export function findZookeeper({ mayInstall = true }: { mayInstall?: boolean } = {}): Found {
  if (found !== undefined) return found
  const run = spawnSync(process.execPath, [SCRIPT, ...(mayInstall ? [] : ['--no-install'])], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', mayInstall ? 'inherit' : 'pipe'],
  })
  if (run.status !== 0) throw new Error(run.stderr?.trim() || 'There is no ZooKeeper server on this machine')
  found = JSON.parse(run.stdout) as Found
  return found
}

/** Whether the tests that need a server were asked to be left out. */
export const skipped = process.env.ROLLCALL_TEST_ZOOKEEPER === 'skip'

/**
 * Ends what its parent left, as soon as that is gone, however it went: with a parent its standard input
 * ends. `pids` in the directory names the servers; a number that is somebody else's by now is spared.
 */
const REAPER = `while read -r line; do :; done
for pid in $(cat "$1/pids"); do grep -qF "$1" "/proc/$pid/cmdline" && kill -KILL "$pid"; done
sleep 0.1; rm -rf "$1"`

/** In a session of its own, which no Ctrl-C reaches. */
function startReaper(dir: string): ChildProcess {
  writeFileSync(join(dir, 'pids'), '')
  const reaper = spawn('sh', ['-c', REAPER, 'sh', dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  reaper.unref()
  ;(reaper.stdin as Socket).unref()
  reaper.stdin!.on('error', () => {})
  return reaper
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (one) =>
        new Promise<number>((resolve, reject) => {
          one.once('error', reject)
          one.listen(0, '127.0.0.1', () => resolve((one.address() as { port: number }).port))
        }),
    ),
  )
  await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))))
  return ports
}

/** The answer to a four-letter word. Rejects where nobody listens. */
function fourLetterWord(port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setTimeout(5000, () => socket.destroy(new Error(`No answer to ${word}`)))
    socket.on('connect', () => socket.write(word))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

/** The figures of `mntr`. */
export async function figuresOf(port: number): Promise<Map<string, number>> {
  const lines = (await fourLetterWord(port, 'mntr')).split('\n').map((line) => line.split('\t'))
  return new Map(lines.map(([name, value]) => [name!, Number(value)]))
}

export class ZookeeperServer {
  readonly #config: string
  readonly #log: string
  #child: ChildProcess | undefined

  constructor(
    readonly port: number,
    readonly dir: string,
    members: string[] = [],
    id = 1,
    more: string[] = [],
  ) {
    mkdirSync(join(dir, 'data'), { recursive: true })
    this.#config = join(dir, 'zoo.cfg')
    this.#log = join(dir, 'server.out')
    writeFileSync(join(dir, 'data', 'myid'), String(id))
    const lines = [
      'tickTime=200',
      'initLimit=50',
      'syncLimit=20',
      'minSessionTimeout=400',
      'maxSessionTimeout=60000',
      `dataDir=${join(dir, 'data')}`,
      `clientPort=${port}`,
      'clientPortAddress=127.0.0.1',
      'maxClientCnxns=0',
      'admin.enableServer=false',
      '4lw.commands.whitelist=*',
      ...members,
      ...more,
    ]
    writeFileSync(this.#config, `${lines.join('\n')}\n`)
  }

  get pid(): number {
    return this.#child!.pid!
  }

  launch(): void {
    const { java, classpath } = findZookeeper()
    const log = openSync(this.#log, 'a')
    const args = [
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dzookeeper.forceSync=no',
      '-Dzookeeper.jmx.log4j.disable=true',
      '-Dzookeeper.extendedTypesEnabled=true',
      '-cp',
      classpath,
      'org.apache.zookeeper.server.quorum.QuorumPeerMain',
      this.#config,
    ]
    const env = { ...process.env, JMXDISABLE: 'true' }
    const child = spawn(java, args, { stdio: ['ignore', log, log], env })
    if (child.pid !== undefined) appendFileSync(join(this.dir, '..', 'pids'), `${child.pid}\n`)
    this.#child = child
  }

  /** Waits until the server takes requests (in an ensemble: has a quorum). */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_MS
    for (;;) {
      const answer = await fourLetterWord(this.port, 'srvr').catch(() => '')
      if (/Mode: (standalone|leader|follower)/.test(answer)) return
      if (this.#child!.exitCode !== null) throw new Error(`ZooKeeper ended at once; see ${this.#log}`)
      if (Date.now() > deadline)
        throw new Error(`ZooKeeper did not start in ${START_MS} ms; see ${this.#log}`)
      await delay(POLL_MS)
    }
  }

  async mode(): Promise<string | undefined> {
    return /Mode: (\w+)/.exec(await fourLetterWord(this.port, 'srvr').catch(() => ''))?.[1]
  }

  figures(): Promise<Map<string, number>> {
    return figuresOf(this.port)
  }

  signal(name: NodeJS.Signals): void {
    this.#child!.kill(name)
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  async restart(): Promise<void> {
    await this.kill()
    this.launch()
    await this.ready()
  }
}

export interface Ensemble {
  readonly servers: ZookeeperServer[]
  /** `host:port,...` of all. */
  readonly hosts: string
  leader(): Promise<ZookeeperServer>
  stop(): Promise<void>
}

/** A server that speaks TLS too, with certificates of its own. */
export interface TlsServer {
  /** `host:port` with TLS, by an address that is in its certificate. */
  readonly secure: string
  readonly plain: string
  readonly certificates: Certificates
  stop(): Promise<void>
}

/** Starts one server with Netty, which asks its TLS clients for a certificate. */
export async function startTlsZookeeper(): Promise<TlsServer> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-tls-'))
  const certificates = makeCertificates(folder)
  const [port] = (await freePorts(1)) as [number]
  const lines = [
    'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
    `secureClientPort=${port}`,
    'secureClientPortAddress=127.0.0.1',
    `ssl.keyStore.location=${certificates.server}`,
    `ssl.trustStore.location=${certificates.ca}`,
    'ssl.clientAuth=need',
    'authProvider.1=org.apache.zookeeper.server.auth.X509AuthenticationProvider',
  ]
  const { hosts, stop } = await startZookeeper(1, tmpdir(), lines).catch((error) => {
    rmSync(folder, { recursive: true })
    throw error
  })
  return {
    secure: `127.0.0.1:${port}`,
    plain: hosts,
    certificates,
    stop: async () => {
      await stop()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Starts one server or an ensemble, with data of its own below `parent` that goes with it. */
export async function startZookeeper(count = 1, parent = tmpdir(), more: string[] = []): Promise<Ensemble> {
  const dir = mkdtempSync(join(parent, 'rollcall-zk-'))
  const ports = await freePorts(count * 3)
  const members =
    count === 1
      ? []
      : Array.from(
          { length: count },
          (_, i) => `server.${i + 1}=127.0.0.1:${ports[count + 2 * i]}:${ports[count + 2 * i + 1]}`,
        )
  const servers = Array.from(
    { length: count },
    (_, i) => new ZookeeperServer(ports[i]!, join(dir, `server-${i + 1}`), members, i + 1, more),
  )
  const stop = async () => {
    await Promise.all(servers.map((one) => one.kill()))
    rmSync(dir, { recursive: true, force: true })
    reaper.stdin!.end()
  }
  const reaper = startReaper(dir)
  try {
    for (const one of servers) one.launch()
    await Promise.all(servers.map((one) => one.ready()))
  } catch (error) {
    await stop()
    throw error
  }
  const leader = async () => {
    for (const one of servers) if (['leader', 'standalone'].includes((await one.mode()) ?? '')) return one
    throw new Error('The ensemble has no leader')
  }
  return { servers, hosts: servers.map((one) => `127.0.0.1:${one.port}`).join(','), leader, stop }
}
