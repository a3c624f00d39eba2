// One ZooKeeper session on the event loop of this thread, over the native client: its requests, the connections that
// it takes to keep it (dialer.ts), and when it counts as lost (session-clock.ts).
//
// Many requests at once would block the loop and grow without bound in the client, so a window limits what is in flight.

import {
  loadZookeeper,
  type NativeNews,
  type NativeSession,
  type NativeStat,
  NewsKind,
  StepKind,
} from '../../../binding'
import { WatchdogError } from '../../../util/errors'
import { Dialer } from './dialer'
import {
  type Acl,
  CLOSING,
  INVALID_STATE,
  isDefinite,
  type Reply,
  type Request,
  SESSION_EXPIRED,
  type Session,
  type SessionConfig,
  type SessionEvent,
  type Stat,
  type Step,
} from './protocol'
import { SessionClock } from './session-clock'

const MAX_REQUESTS = 256
const MAX_BYTES = 512 * 1024
/** What a request costs besides its data. */
const REQUEST_BYTES = 64
/** How long `close()` waits for what is in flight, and then for the server's goodbye. */
const DRAIN_MS = 1000
const EPHEMERAL = 1
/** A state of the client. Negative ones are the end. */
const CONNECTED_STATE = 3
const NO_SOCKET_STATE = 0
const NO_BYTES = new Uint8Array(0)

const WATCH_EVENTS = new Map<number, 'created' | 'deleted' | 'changed' | 'child' | 'lapsed'>([
  [1, 'created'],
  [2, 'deleted'],
  [3, 'changed'],
  [4, 'child'],
  [-2, 'lapsed'],
])

interface Waiting {
  request: Request
  bytes: number
  resolve: (reply: Reply) => void
}

interface Call {
  readonly op: Request['op']
  readonly sentAt: number
  readonly resolve: (reply: Reply) => void
}

function plainStat([version, czxid, mtimeMs, children, isOurs]: NativeStat): Stat {
  return { version, czxid, mtimeMs, children, isOurs }
}

/** Permissions, scheme and id of one entry after the other. */
function plainAcl(parts: string[]): Acl[] {
  const acl: Acl[] = []
  for (let at = 0; at < parts.length; at += 3)
    acl.push({ perm: Number(parts[at]), scheme: parts[at + 1]!, auth: parts[at + 2]! })
  return acl
}

function bytesOf(request: Request): number {
  if (request.op === 'multi') return request.steps.reduce((sum, step) => sum + bytesOf(step), REQUEST_BYTES)
  return REQUEST_BYTES + request.path.length + ('data' in request ? request.data.length : 0)
}

function plainStep(step: Step): unknown[] {
  switch (step.op) {
    case 'create':
      return [StepKind.create, step.path, step.data, 0, step.ephemeral ? EPHEMERAL : 0, step.ownerOnly]
    case 'set':
      return [StepKind.set, step.path, step.data, step.version, 0, false]
    case 'delete':
      return [StepKind.delete, step.path, NO_BYTES, step.version, 0, false]
  }
}

/** What to ask to hear whether anybody answers. */
const PROBE: Request = { op: 'info', path: '/', watch: false }

/** Those of this thread that are open. */
const open = new Set<LoopSession>()

/** What `process.exit()` leaves to nobody else: a thread that ends otherwise closes its sessions by itself. */
function closeAtExit(session: LoopSession): void {
  if (open.size === 0) process.once('exit', sayGoodbye)
  open.add(session)
}

function noLongerAtExit(session: LoopSession): void {
  open.delete(session)
  if (open.size === 0) process.off('exit', sayGoodbye)
}

function sayGoodbye(): void {
  for (const session of open) session.closeNow()
}

class LoopSession implements Session {
  readonly #native: NativeSession
  readonly #onEvent: (event: SessionEvent) => void
  readonly #clock: SessionClock
  readonly #dialer: Dialer
  readonly #queue: Waiting[] = []
  readonly #calls = new Map<number, Call>()
  #nextCall = 1
  #requests = 0
  #bytes = 0
  #isConnected = false
  #isSuspended = false
  #isOver = false
  #drained: (() => void) | undefined
  #onGone = () => {}

  constructor(config: SessionConfig, onEvent: (event: SessionEvent) => void) {
    this.#onEvent = onEvent
    this.#native = newNative(
      config,
      (news) => this.#receive(news),
      () => this.#onGone(),
    )
    this.#clock = new SessionClock({
      ask: () => this.#send(PROBE, () => {}),
      silent: () => this.#suspend(),
      giveUpServer: () => this.#native.drop(),
      lost: () => this.#lose(),
    })
    try {
      this.#dialer = new Dialer(this.#native, config, (trouble) => onEvent({ type: 'trouble', trouble }))
    } catch (cause) {
      this.closeNow()
      throw new WatchdogError('ERR_TLS', `Cannot use option 'tls': ${(cause as Error).message}`, { cause })
    }
    closeAtExit(this)
    void this.#dialer.dial()
  }

  // ---------------------------------------------------------------- what the client tells

  #receive(news: NativeNews): void {
    for (let at = 0; at < news.length; at += 5) {
      const [kind, call, code, value, stat] = news.slice(at, at + 5) as [
        number,
        number,
        number,
        unknown,
        unknown,
      ]
      if (kind === NewsKind.reply) this.#answer(call, code, value, stat as NativeStat | undefined)
      else if (kind === NewsKind.state) this.#enter(code, call)
      else this.#watched(code, String(value))
    }
  }

  #answer(number: number, rc: number, value: unknown, stat: NativeStat | undefined): void {
    const call = this.#calls.get(number)
    if (call === undefined) return
    this.#calls.delete(number)
    const reply: Reply = { rc }
    if (stat !== undefined) reply.stat = plainStat(stat)
    if (Buffer.isBuffer(value)) reply.data = value
    else if (Array.isArray(value) && call.op === 'getAcl') reply.acl = plainAcl(value)
    else if (Array.isArray(value)) reply.names = value
    if (isDefinite(reply) && this.#clock.answered(call.sentAt)) this.#resume()
    call.resolve(reply)
  }

  #enter(state: number, errno: number): void {
    if (this.#isOver) return
    if (state < 0) {
      this.#end(state)
    } else if (state === NO_SOCKET_STATE) {
      const was = this.#isConnected
      this.#isConnected = false
      this.#clock.disconnected()
      this.#dialer.ended(errno)
      if (!was) return
      this.#suspend()
      void this.#dialer.dial()
    } else if (state === CONNECTED_STATE) {
      this.#isConnected = true
      this.#isSuspended = false
      const timeoutMs = this.#native.timeoutMs()
      this.#clock.connected(timeoutMs, this.#dialer.dialedAt)
      this.#dialer.answered()
      this.#onEvent({
        type: 'connected',
        id: this.#native.id(),
        password: this.#native.password(),
        timeoutMs,
      })
    }
  }

  #watched(code: number, path: string): void {
    const kind = WATCH_EVENTS.get(code)
    if (kind !== undefined) this.#onEvent({ type: 'watch', kind, path })
  }

  // ---------------------------------------------------------------- what becomes of the session

  #suspend(): void {
    if (this.#isSuspended) return
    this.#isSuspended = true
    this.#onEvent({ type: 'suspended' })
  }

  #resume(): void {
    this.#isSuspended = false
    this.#onEvent({ type: 'resumed' })
  }

  /** By our own clock. The server may know better, but nobody has heard from it. */
  #lose(): void {
    this.#isConnected = false
    this.#end(SESSION_EXPIRED)
  }

  #end(code: number): void {
    this.#finish()
    // Without a connection nothing is said to the server, and the rest is answered.
    this.#native.drop()
    this.#native.close()
    this.#native.abandon()
    this.#dialer.hangUp()
    this.#onEvent({ type: 'closed', code })
  }

  #finish(): void {
    this.#isOver = true
    this.#isConnected = false
    noLongerAtExit(this)
    this.#clock.stop()
    this.#dialer.stop()
    for (const { resolve } of this.#queue.splice(0)) resolve({ rc: INVALID_STATE })
  }

  // ---------------------------------------------------------------- requests

  call(request: Request): Promise<Reply> {
    return new Promise((resolve) => {
      this.#queue.push({ request, bytes: bytesOf(request), resolve })
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

  #send(request: Request, resolve: (reply: Reply) => void): void {
    const number = this.#nextCall
    this.#nextCall = number === 2 ** 32 - 1 ? 1 : number + 1
    this.#calls.set(number, { op: request.op, sentAt: this.#clock.asked(), resolve })
    const rc = this.#isOver ? INVALID_STATE : this.#start(number, request)
    if (rc === 0) return
    this.#calls.delete(number)
    queueMicrotask(() => resolve({ rc }))
  }

  #start(call: number, request: Request): number {
    const native = this.#native
    const { path } = request
    switch (request.op) {
      case 'get':
        return native.get(call, path, request.watch)
      case 'info':
        return native.exists(call, path, request.watch)
      case 'list':
        return native.children(call, path, request.watch)
      case 'create':
        return native.create(call, path, request.data, request.ephemeral ? EPHEMERAL : 0, request.ownerOnly)
      case 'set':
        return native.set(call, path, request.data, request.version)
      case 'delete':
        return native.delete(call, path, request.version)
      case 'sync':
        return native.sync(call, path)
      case 'getAcl':
        return native.getAcl(call, path)
      case 'multi':
        return native.multi(call, ...request.steps.flatMap(plainStep))
    }
  }

  /** As far as it takes no waiting. */
  closeNow(): void {
    this.#native.close()
    this.#native.abandon()
  }

  /** Waits for what is in flight, since closing answers it with an ambiguous code, and for the server's goodbye. */
  async close(): Promise<void> {
    if (this.#isOver) return
    if (this.#requests > 0 && this.#isConnected && !this.#isSuspended) {
      await within(DRAIN_MS, (resolve) => {
        this.#drained = resolve
      })
      if (this.#isOver) return
    }
    this.#finish()
    await within(DRAIN_MS, (resolve) => {
      this.#onGone = resolve
      if (!this.#native.close()) resolve()
    })
    this.#native.abandon()
    this.#dialer.hangUp()
    this.#onEvent({ type: 'closed', code: CLOSING })
  }
}

/** Resolves when `begin`'s callback is called, or after `ms`. */
async function within(ms: number, begin: (resolve: () => void) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
    begin(resolve)
  })
  clearTimeout(timer)
}

function newNative(
  { timeoutMs, session, auth }: SessionConfig,
  onNews: (news: NativeNews) => void,
  onGone: () => void,
): NativeSession {
  let native: NativeSession
  try {
    native = loadZookeeper().open(timeoutMs, session?.id ?? '', session?.password ?? '', onNews, onGone)
  } catch (cause) {
    throw new WatchdogError('ERR_UNSUPPORTED', `Cannot use a zk:// queue: ${(cause as Error).message}`, {
      cause,
    })
  }
  if (auth?.scheme === 'digest') native.addAuth('digest', auth.secret)
  return native
}

export function openLoopSession(config: SessionConfig, onEvent: (event: SessionEvent) => void): Session {
  return new LoopSession(config, onEvent)
}
