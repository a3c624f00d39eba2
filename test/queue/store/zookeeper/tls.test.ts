// TLS: whoever is in between reads nothing and is nobody; what is wrong is said, with what to do.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectOptions, TlsOptions, WatchdogError } from '../../../../lib'
import type { KeyPair } from '../../../support/certificates'
import { LIB } from '../../../support/paths'
import { BreakingProxy } from '../../../support/proxy'
import { connect, describeZookeeper, uniqueRoot } from '../../../support/queue'
import { startTlsZookeeper, type TlsServer } from '../../../support/zookeeper-server'

const CONNECT_MS = 8000

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

/** The names of our sockets of this machine alone; a pair has none. */
function unixSockets(): string[] {
  const ours = new Set(readdirSync('/proc/self/fd').map(targetOf))
  const lines = readFileSync('/proc/self/net/unix', 'utf8').trim().split('\n').slice(1)
  const fields = lines.map((line) => line.trim().split(/\s+/))
  return fields.filter(([, , , , , , inode]) => ours.has(`socket:[${inode}]`)).map((line) => line[7] ?? '')
}

/** Our sockets that others may connect to. */
function listeningSockets(): string[] {
  const ours = new Set(readdirSync('/proc/self/fd').map(targetOf))
  const LISTEN = '0A'
  return ['tcp', 'tcp6'].flatMap((kind) => {
    const lines = readFileSync(`/proc/self/net/${kind}`, 'utf8').trim().split('\n').slice(1)
    const fields = lines.map((line) => line.trim().split(/\s+/))
    return fields
      .filter((line) => line[3] === LISTEN && ours.has(`socket:[${line[9]}]`))
      .map((line) => line[1]!)
  })
}

describeZookeeper('TLS to a ZooKeeper server', function () {
  this.timeout(120_000)
  let server: TlsServer

  before(async () => {
    server = await startTlsZookeeper()
  })
  after(() => server?.stop())

  function tlsOf(pair: KeyPair | undefined, ca = server.certificates.ca): TlsOptions {
    const trust = { ca: readFileSync(ca) }
    if (pair === undefined) return trust
    return { ...trust, cert: readFileSync(pair.cert), key: readFileSync(pair.key) }
  }

  const mutual = () => tlsOf(server.certificates.client)

  for (const heartbeat of ['loop', 'thread'] as const) {
    it(`carries the whole life of a queue, with both certificates, with heartbeat '${heartbeat}'`, async () => {
      const options: ConnectOptions = { tls: mutual(), heartbeat, sessionTimeoutMs: 5000 }
      const queue = await connect(`zks://${server.secure}${uniqueRoot()}`, options)
      const items = Array.from({ length: 500 }, (_, i) => `item ${i}`.padEnd(1000))
      await queue.createQueue({ queue: items })
      const timer = await queue.createTimer('worker')
      const seen = new Set<string>()

      for await (const lease of timer.leases()) {
        seen.add(lease.item)
        await lease.ack()
      }
      await timer.end()
      const { ok, done } = await queue.waitDone({ workers: true, timeoutMs: 30_000 })

      assert.deepEqual({ ok, done, seen: seen.size }, { ok: true, done: 500, seen: 500 })
    })
  }

  it('makes the certificate who we are: x509 closes the queue to everybody else', async () => {
    const root = uniqueRoot()
    const url = `zks://${server.secure}${root}`
    const queue = await connect(url, { tls: mutual(), auth: { scheme: 'x509' } })
    await queue.createQueue({ queue: ['a'] })

    const again = await connect(url, { tls: mutual(), auth: { scheme: 'x509' } })
    assert.equal(await again.queueCount(), 1)
    await assert.rejects(connect(`zk://${server.plain}${root}`), { code: 'ERR_AUTH' })
  })

  it('goes on over a connection that is cut', async () => {
    const [host, port] = server.secure.split(':') as [string, string]
    const proxy = await BreakingProxy.start(Number(port), { isTransparent: true })
    try {
      const options = { tls: mutual(), sessionTimeoutMs: 5000 }
      const queue = await connect(`zks://${host}:${proxy.port}${uniqueRoot()}`, options)
      await queue.createQueue({ queue: ['a', 'b'] })
      const timer = await queue.createTimer('worker')
      const lease = await timer.lease()

      proxy.cutAll()
      await lease!.ack()

      assert.equal((await queue.counts()).done, 1)
      assert.ok(proxy.connections >= 2)
    } finally {
      await proxy.stop()
    }
  })

  it('is a pair of sockets without a name: no port listens, and no child has an end of it', async () => {
    const before = listeningSockets()
    await connect(`zks://${server.secure}${uniqueRoot()}`, { tls: mutual() })

    assert.deepEqual(listeningSockets(), before)
    assert.ok(
      unixSockets().some((name) => name === ''),
      'the pair is there',
    )
    const ofChild = spawnSync('sh', ['-c', 'readlink /proc/self/fd/*'], { encoding: 'utf8' }).stdout
    const ours = new Set(readdirSync('/proc/self/fd').map(targetOf))
    const inherited = ofChild.split('\n').filter((target) => /^socket:/.test(target) && ours.has(target))
    assert.deepEqual(inherited, [])
  })

  interface Mistake {
    readonly url: () => string
    readonly tls: () => ConnectOptions['tls']
    readonly code: string
    readonly says: RegExp
  }

  const mistakes: Record<string, Mistake> = {
    'a name that is not in the certificate': {
      url: () => `zks://localhost:${server.secure.split(':')[1]}`,
      tls: mutual,
      code: 'ERR_TLS',
      says: /certificate is for another name .*'tls\.servername'/,
    },
    'an authority that is not known': {
      url: () => `zks://${server.secure}`,
      tls: () => tlsOf(server.certificates.client, server.certificates.otherCa),
      code: 'ERR_TLS',
      says: /authority that is not known here .*'tls\.ca'/,
    },
    'no certificate of the client': {
      url: () => `zks://${server.secure}`,
      tls: () => tlsOf(undefined),
      code: 'ERR_TLS',
      says: /ask(s)? for a certificate of the client.*tls\.cert/,
    },
    'an expired certificate of the client': {
      url: () => `zks://${server.secure}`,
      tls: () => tlsOf(server.certificates.expired),
      code: 'ERR_TLS',
      says: /it expired on /,
    },
    'a certificate that the server does not trust': {
      url: () => `zks://${server.secure}`,
      tls: () => tlsOf(server.certificates.stranger),
      code: 'ERR_TLS',
      says: /refused the certificate of the client|ended the connection after the TLS handshake/,
    },
    'a key of another certificate': {
      url: () => `zks://${server.secure}`,
      tls: () => ({ ...mutual(), key: readFileSync(server.certificates.expired.key) }),
      code: 'ERR_TLS',
      says: /Cannot use option 'tls'/,
    },
    'a plain port': {
      url: () => `zks://${server.plain}`,
      tls: mutual,
      code: 'ERR_TLS',
      says: /plain port: give the secureClientPort/,
    },
    'a TLS port that is spoken to in plain': {
      url: () => `zk://${server.secure}`,
      tls: () => undefined,
      code: 'ERR_TLS',
      says: /this port speaks TLS: connect with zks:\/\//,
    },
    'a port where nobody listens': {
      url: () => 'zks://127.0.0.1:1',
      tls: mutual,
      code: 'ERR_UNREACHABLE',
      says: /ECONNREFUSED/,
    },
  }

  for (const [what, { url, tls, code, says }] of Object.entries(mistakes)) {
    for (const heartbeat of ['loop', 'thread'] as const) {
      it(`says what is wrong with ${what}, within the time to connect, with heartbeat '${heartbeat}'`, async () => {
        const limit = code === 'ERR_UNREACHABLE' || /no cert|an expired|not trust|a plain/.test(what)
        const options = { tls: tls(), heartbeat, connectTimeoutMs: limit ? 2000 : CONNECT_MS }

        await assert.rejects(connect(`${url()}/queue`, options), (error: WatchdogError) => {
          assert.equal(error.code, code, error.message)
          assert.match(error.message, says)
          return true
        })
      })
    }
  }

  it('is had from the command line, by options and by the environment', () => {
    const { ca, client } = server.certificates
    const main = join(LIB, 'cli', 'main.js')
    const url = `zks://${server.secure}${uniqueRoot()}`
    const rollcall = (args: string[], env: NodeJS.ProcessEnv = {}) =>
      spawnSync(process.execPath, [main, 'queue', ...args], {
        encoding: 'utf8',
        input: 'a\nb\n',
        env: { ...process.env, ...env },
      })
    const flags = ['--tls-ca', ca, '--tls-cert', client.cert, '--tls-key', client.key]

    const created = rollcall(['create', '--queue', url, ...flags, '--auth', 'x509'])
    const counted = rollcall(['count', '--queue', url], {
      ROLLCALL_TLS_CA: ca,
      ROLLCALL_TLS_CERT: client.cert,
      ROLLCALL_TLS_KEY: client.key,
      ROLLCALL_AUTH: 'x509',
    })
    const refused = rollcall(['count', '--queue', url, '--tls', '--connect-timeout', '2s'])

    assert.equal(created.status, 0, created.stderr)
    assert.deepEqual([counted.status, counted.stdout.trim()], [0, '2'], counted.stderr)
    assert.equal(refused.status, 69)
    assert.match(refused.stderr, /--tls-(ca|cert)/)
  })

  it('refuses options that contradict each other', async () => {
    const { cert } = mutual()
    const wrong: [string, ConnectOptions, RegExp][] = [
      [`zks://${server.secure}/q`, { tls: false }, /Option 'tls' is false/],
      [`zk://${server.secure}/q`, { tls: { cert } }, /'tls\.cert' and 'tls\.key' together/],
      [`zk://${server.secure}/q`, { auth: { scheme: 'x509' } }, /with the auth scheme 'x509'/],
      [`zk://${server.secure}/q`, { tls: { caa: 'x' } as TlsOptions }, /'ca'/],
    ]
    for (const [url, options, says] of wrong) await assert.rejects(connect(url, options), says)
  })
})
