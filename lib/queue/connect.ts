// From the URL of a queue or a fleet to the place that keeps it. The packages behind a place load only here, when
// one of that kind is opened.

import path from 'node:path'
import { describeValue } from '../util/check-options'
import { WatchdogError } from '../util/errors'
import { redactUrl } from '../util/redact'
import { isOfServer, type Scheme, SERVER_SCHEMES, schemeOf } from '../util/schemes'
import type { Store } from './store/store'
import type { ConnectOptions, TlsOptions } from './types'

const DEFAULT_SESSION_MS = 15_000
const ZOOKEEPER_PORT = 2181
const DEFAULT_CONNECT_MS = 10_000

export async function openStore(given: string, options: ConnectOptions): Promise<Store> {
  const store = await open(checkedUrl(given), options)
  const { session: _, signal: __, ...shared } = options
  store.neighbour = (url) => openStore(url, shared)
  return store
}

/** The same queue has the same name, however it is written. */
export function canonicalUrl(given: string): string {
  const url = checkedUrl(given)
  if (isServerUrl(url)) {
    const [, scheme, hosts, root] = /^(.*?):\/\/([^/]*)(.*)$/s.exec(url)!
    const named = hosts!.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:${ZOOKEEPER_PORT}`))
    return `${scheme}://${named.sort().join(',')}${root!.replace(/\/+$/, '')}`
  }
  return `local:${path.resolve(localDirectory(url))}`
}

type Opener = (url: string, options: ConnectOptions) => Promise<Store>

const OPENERS: Readonly<Record<Scheme, Opener>> = {
  local: openLocal,
  zk: openZookeeper,
  zks: openZookeeper,
}

function open(url: string, options: ConnectOptions): Promise<Store> {
  return OPENERS[schemeOf(url) ?? 'local'](url, options)
}

async function openZookeeper(url: string, options: ConnectOptions): Promise<Store> {
  const { parseZookeeperUrl } = await import('./store/zookeeper/url.js')
  const address = parseZookeeperUrl(url)
  const { ZookeeperStore } = await import('./store/zookeeper/store.js')
  return ZookeeperStore.connect({
    url,
    address,
    sessionTimeoutMs: options.sessionTimeoutMs ?? DEFAULT_SESSION_MS,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_MS,
    session: options.session,
    auth: options.auth,
    tls: tlsOf(url, options.tls),
    heartbeat: options.heartbeat ?? 'loop',
    signal: options.signal,
  })
}

async function openLocal(url: string, options: ConnectOptions): Promise<Store> {
  const directory = localDirectory(url)
  options.signal?.throwIfAborted()
  if (options.session !== undefined) {
    throw new WatchdogError('ERR_UNSUPPORTED', `There is no session to take over at ${url}: it has no server`)
  }
  const { LocalStore } = await import('./store/local/store.js')
  const busyLimitMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_MS
  return LocalStore.connect({
    url,
    directory,
    busyLimitMs,
    trust: { allowSharedDirectory: options.allowSharedDirectory },
  })
}

/** As it has to be written. */
function isServerUrl(url: string): boolean {
  return isOfServer(url) && /^[a-z]+:\/\//.test(url)
}

const HOST_AND_PORT = /^\[?[\w.:-]+\]?:\d{1,5}(,[\w.:-]+)*(\/|$)/
/** `zk:` anywhere, or in front and not followed by what has to follow it. */
const ODD_SCHEME = new RegExp(`^(?:.*\\/)?(?:${SERVER_SCHEMES.join('|')}|zookeeper):\\/*`, 'i')

/** Without blanks around it. What was most likely meant for a server is never taken for a directory. */
function checkedUrl(url: unknown): string {
  if (typeof url !== 'string' || url.trim() === '') throw malformed(url)
  const trimmed = url.trim()
  if (isServerUrl(trimmed)) return trimmed
  if (HOST_AND_PORT.test(trimmed)) throw malformed(url, `zk://${trimmed}`)
  if (ODD_SCHEME.test(trimmed)) throw malformed(url, trimmed.replace(ODD_SCHEME, 'zk://'))
  return trimmed
}

function tlsOf(url: string, tls: ConnectOptions['tls']): TlsOptions | undefined {
  const isSecure = url.startsWith('zks://')
  if (isSecure && tls === false) throw new TypeError(`Option 'tls' is false, and ${url} asks for TLS`)
  if (typeof tls === 'object') return tls
  return isSecure || tls === true ? {} : undefined
}

/** The directory that a URL names: `local:DIR`, or a path that does not look like a URL. */
export function localDirectory(url: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? []
  const directory = scheme?.toLowerCase() === 'local' ? rest! : url
  if ((scheme !== undefined && directory === url) || directory === '' || directory.includes('\0')) {
    throw malformed(url)
  }
  return directory
}

function malformed(url: unknown, meant?: string): TypeError {
  const hint = meant === undefined ? '' : `; did you mean '${redactUrl(meant)}'?`
  return new TypeError(
    `Expected a URL like 'local:/run/app/queue' (or just that path), or 'zk://host1:2181,host2:2181/path', got ${describeValue(typeof url === 'string' ? redactUrl(url) : url)}${hint}`,
  )
}
