// One ZooKeeper session on the event loop of this thread, over the native C client. This is the
// only file that imports npm `zookeeper`, and the place where its faults are kept in:
//
// - Its sockets are inheritable: the addon marks them (see cloexec.cc).
// - After ten reads without a message it closes a healthy session: the limit is set out of reach.
// - Many requests at once block the loop until the session dies: a window bounds what is in flight.
// - Its wrapper formats every request for a log that is off: the native object is called directly.
// - A request that is refused at once never calls back: the code it returns is the reply then.
// - A request that meets a broken connection closes the socket under the binding's poll handle, which
//   ends in an abort of libuv: the addon mends that before anything else runs (see cloexec.cc).
// - `aw_*` leak: watches are set with a flag and arrive as events of the handle.
// - A request for an ACL that fails ends the process: it frees what it was not given. Nobody asks for that of a
//   node before it was read.
// - It may be used by one thread of a process only (see client-thread.ts).

import { dirname } from 'node:path'

import { findAddon, native } from '../../../binding'
import { WatchdogError } from '../../../util/errors'
import {
  type Acl,
  asBuffer,
  INVALID_STATE,
  type Reply,
  type Request,
  type Session,
  type SessionConfig,
  type SessionEvent,
  type Stat,
} from './protocol'

const MAX_REQUESTS = 256
const MAX_BYTES = 512 * 1024
/** What a request costs besides its data. */
const REQUEST_BYTES = 64
const OUT_OF_REACH = 2 ** 31 - 1
const DRAIN_MS = 1000
const EPHEMERAL = 1
/** The state of a client that has closed its socket and told nobody. */
const NOT_CONNECTED_STATE = 999

interface NativeStat {
  version: number
  czxid: number
  mtime: Date
  numChildren: number
  ephemeralOwner: string
}
type NativeCallback = (rc: number, error: string, third?: unknown, fourth?: unknown) => void
interface NativeClient {
  init(config: Record<string, unknown>): unknown
  close(): void
  emit: (event: string, first: unknown, second: unknown) => void
  readonly client_id: string
  readonly client_password: string
  readonly timeout: number
  readonly state: number
  add_auth(scheme: string, secret: string, callback: NativeCallback): number
  a_get(path: string, watch: boolean, callback: NativeCallback): number
  a_exists(path: string, watch: boolean, callback: NativeCallback): number
  a_get_children(path: string, watch: boolean, callback: NativeCallback): number
  a_create(path: string, data: Uint8Array, flags: number, callback: NativeCallback): number
  a_set(path: string, data: Uint8Array, version: number, callback: NativeCallback): number
  a_delete_(path: string, version: number, callback: NativeCallback): number
  a_set_acl(path: string, version: number, acl: Acl[], callback: NativeCallback): number
  a_get_acl(path: string, callback: NativeCallback): number
  a_sync(path: string, callback: NativeCallback): number
}

type NativeModule = new () => { native: NativeClient }

let loaded: NativeModule | undefined

const NEEDS = 'which needs a C and a C++ compiler and make'

function unusable(why: string, remedy: string, cause: unknown): WatchdogError {
  return new WatchdogError(
    'ERR_UNSUPPORTED',
    `A zk:// queue needs the package zookeeper, which ${why}. ${remedy}`,
    { cause },
  )
}

function unloadable(cause: unknown): WatchdogError {
  const folder = dirname(require.resolve('zookeeper/package.json'))
  const [why] = (cause as Error).message.split('\n')
  const remedy = `Compile it with: npm --prefix '${folder}' run install (${NEEDS})`
  return unusable(`does not load (${why})`, remedy, cause)
}

/** Throws where npm `zookeeper`, which only a queue on ZooKeeper needs, is not there. Does not load it. */
export function assertClientInstalled(): void {
  try {
    require.resolve('zookeeper')
  } catch (cause) {
    const remedy = `Install it with: npm install zookeeper@7.3.0 (it is compiled then, ${NEEDS})`
    throw unusable('is not installed', remedy, cause)
  }
  try {
    // It is compiled by its install script, and npm 12 runs that only where it was approved.
    findAddon(dirname(require.resolve('zookeeper/package.json')))
  } catch (cause) {
    throw unloadable(cause)
  }
}

function loadClient(): NativeModule {
  if (loaded !== undefined) return loaded
  assertClientInstalled()
  try {
    loaded = require('zookeeper') as NativeModule
  } catch (cause) {
    throw unloadable(cause)
  }
  return loaded
}

/** All sessions of this thread, for the sockets' guard and for the end of the process. */
const sessions = new Set<LoopSession>()

function updateGuard(): void {
  if (sessions.size === 0) native.guardSockets(0)
  else native.guardSockets([...sessions].every((session) => session.connected) ? 2 : 1)
}

/** Closes what is open in this thread, at once: a thread that ends with an open handle aborts the process. */
export function closeAllSessions(): void {
  for (const session of [...sessions]) session.closeNow()
}

const WATCH_EVENTS = new Map<string, 'created' | 'deleted' | 'changed' | 'child' | 'lapsed'>([
  ['created', 'created'],
  ['deleted', 'deleted'],
  ['changed', 'changed'],
  ['child', 'child'],
  ['notwatching', 'lapsed'],
])

function plainStat(stat: unknown): Stat | undefined {
  if (stat === null || stat === undefined) return undefined
  const { version, czxid, mtime, numChildren, ephemeralOwner } = stat as NativeStat
  return { version, czxid, mtimeMs: mtime.getTime(), children: numChildren, owner: ephemeralOwner }
}

interface NativeAcl {
  perms: number
  scheme: string
  auth: string
}

function plainAcl({ perms, scheme, auth }: NativeAcl): Acl {
  return { perm: perms, scheme, auth }
}

interface Waiting {
  request: Request
  bytes: number
  resolve: (reply: Reply) => void
}

class LoopSession implements Session {
  readonly #client: NativeClient
  readonly #onEvent: (event: SessionEvent) => void
  readonly #queue: Waiting[] = []
  #requests = 0
  #bytes = 0
  #closed = false
  #drained: (() => void) | undefined
  connected = false

  constructor(config: SessionConfig, onEvent: (event: SessionEvent) => void) {
    const Client = loadClient()
    this.#onEvent = onEvent
    this.#client = new Client().native
    this.#client.emit = (event, _self, detail) => this.#event(event, detail)
    native.guardSockets(1)
    const credentials = config.session && {
      client_id: config.session.id,
      client_password: config.session.password,
    }
    try {
      this.#client.init({
        connect: config.connect,
        timeout: config.timeoutMs,
        debug_level: 0,
        host_order_deterministic: false,
        response_counter_limit: OUT_OF_REACH,
        ...credentials,
      })
      sessions.add(this)
    } finally {
      updateGuard()
    }
    if (config.auth) this.#client.add_auth(config.auth.scheme, config.auth.secret, () => {})
  }

  #event(event: string, detail: unknown): void {
    const kind = WATCH_EVENTS.get(event)
    if (kind !== undefined) {
      this.#onEvent({ type: 'watch', kind, path: String(detail) })
    } else if (event === 'connect') {
      this.connected = true
      updateGuard()
      const { client_id: id, client_password: password, timeout: timeoutMs } = this.#client
      this.#onEvent({ type: 'connected', id, password, timeoutMs })
    } else if (event === 'connecting') {
      this.connected = false
      updateGuard()
      this.#onEvent({ type: 'connecting' })
    } else if (event === 'close') {
      this.#ended(Number(detail))
    }
  }

  #ended(code: number): void {
    this.connected = false
    this.#closed = true
    sessions.delete(this)
    updateGuard()
    for (const { resolve } of this.#queue.splice(0)) resolve({ rc: INVALID_STATE })
    this.#onEvent({ type: 'closed', code })
  }

  call(request: Request): Promise<Reply> {
    return new Promise((resolve) => {
      const bytes = REQUEST_BYTES + request.path.length + ('data' in request ? request.data.length : 0)
      this.#queue.push({ request, bytes, resolve })
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const { request, bytes, resolve } = this.#queue[0]!
      const full = this.#requests >= MAX_REQUESTS || this.#bytes + bytes > MAX_BYTES
      if (full && this.#requests > 0) return
      this.#queue.shift()
      this.#requests++
      this.#bytes += bytes
      this.#send(request, (reply) => {
        this.#requests--
        this.#bytes -= bytes
        resolve(reply)
        this.#pump()
        if (this.#requests === 0) this.#drained?.()
      })
    }
  }

  #send(request: Request, done: (reply: Reply) => void): void {
    const { path } = request
    const client = this.#client
    const withoutResult = (rc: number) => done({ rc })
    const withStat = (rc: number, _: string, stat: unknown) => done({ rc, stat: plainStat(stat) })
    const withData = (rc: number, _: string, stat: unknown, data: unknown) =>
      done({ rc, stat: plainStat(stat), data: (data as Buffer | null) ?? Buffer.alloc(0) })
    const withChildren = (rc: number, _: string, children: unknown) =>
      done({ rc, children: (children as string[] | null) ?? [] })
    const withAcl = (rc: number, _: string, acl: unknown, stat: unknown) =>
      done({ rc, stat: plainStat(stat), acl: ((acl as NativeAcl[] | null) ?? []).map(plainAcl) })
    const start = (): number => {
      if (this.#closed) return INVALID_STATE
      switch (request.op) {
        case 'get':
          return client.a_get(path, request.watch, withData)
        case 'info':
          return client.a_exists(path, request.watch, withStat)
        case 'list':
          return client.a_get_children(path, request.watch, withChildren)
        case 'create':
          return client.a_create(
            path,
            asBuffer(request.data),
            request.ephemeral ? EPHEMERAL : 0,
            withoutResult,
          )
        case 'set':
          return client.a_set(path, asBuffer(request.data), request.version, withStat)
        case 'delete':
          return client.a_delete_(path, request.version, withoutResult)
        case 'setAcl':
          return client.a_set_acl(path, -1, request.acl, withoutResult)
        case 'getAcl':
          return client.a_get_acl(path, withAcl)
        case 'sync':
          return client.a_sync(path, withoutResult)
      }
    }
    const rc = start()
    if (this.connected && client.state === NOT_CONNECTED_STATE) this.#brokeSilently()
    if (rc !== 0) queueMicrotask(() => done({ rc }))
  }

  #brokeSilently(): void {
    this.connected = false
    native.reviveSockets()
    updateGuard()
    queueMicrotask(() => {
      if (!this.#closed && !this.connected) this.#onEvent({ type: 'connecting' })
    })
  }

  /** Waits for what is in flight, since closing answers it with an ambiguous code and may block. */
  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#requests > 0 && this.connected) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#drained = resolve
        timer = setTimeout(resolve, DRAIN_MS)
      })
      clearTimeout(timer)
    }
    this.closeNow()
  }

  closeNow(): void {
    if (!this.#closed) this.#client.close()
  }
}

export function openLoopSession(config: SessionConfig, onEvent: (event: SessionEvent) => void): Session {
  return new LoopSession(config, onEvent)
}
