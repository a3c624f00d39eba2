// A queue's state in ZooKeeper. Here an ambiguous answer ("the connection broke before the reply
// came") becomes a definite one, by looking at what is there now.

import { createHash } from 'node:crypto'

import { maybeApplied, WatchdogError } from '../../../util/errors'
import {
  ANY_VERSION,
  type CreateOutcome,
  type DeleteOutcome,
  type NodeInfo,
  type ReapedIncarnation,
  type RemoteReaper,
  type SetOptions,
  type SetOutcome,
  type Store,
  type StoredNode,
  type StoreEvent,
  type WatchKind,
  type WatchListener,
} from '../store'
import { ZookeeperConnection } from './connection'
import {
  type Acl,
  AUTH_FAILED,
  type Auth,
  asBuffer,
  BAD_VERSION,
  type ConnectionOptions,
  INVALID_ACL,
  NO_AUTH,
  NO_NODE,
  NODE_EXISTS,
  NOT_EMPTY,
  OK,
  type Reply,
  type Request,
  type Stat,
} from './protocol'
import { RememberedNodes } from './remembered-nodes'
import { openLoopSession } from './session'
import { openThreadSession, type SessionWorker, startSessionWorker } from './session-worker'
import { badPath } from './url'
import { ZookeeperWatches } from './watches'

/** More than this and the server drops the connection, without a word. */
const MAX_REQUEST_BYTES = 1_048_500
const ALL_RIGHTS = 31
/** Of one transaction. */
const MAX_STEPS = 500

/** All rights for one alone, as the server tells of it to that one. */
interface Owner {
  readonly scheme: string
  /** Left out for a certificate: who can read what one alone may read is that one. */
  readonly auth?: string
}

function ownerOf(auth: Auth): Owner {
  if (auth.scheme === 'x509') return { scheme: 'x509' }
  const { secret } = auth
  const user = secret.slice(0, secret.indexOf(':'))
  const digest = createHash('sha1').update(secret).digest('base64')
  return { scheme: 'digest', auth: `${user}:${digest}` }
}

function isOnly([first, ...others]: readonly Acl[], { scheme, auth }: Owner): boolean {
  if (first === undefined || others.length > 0) return false
  return first.perm === ALL_RIGHTS && first.scheme === scheme && (auth ?? first.auth) === first.auth
}

function plainInfo(stat: Stat): NodeInfo {
  return { version: stat.version, born: stat.czxid, changedAt: stat.mtimeMs, children: stat.children }
}

export class ZookeeperStore implements Store {
  readonly url: string
  readonly needsLeader = true
  neighbour?: (url: string) => Promise<Store>
  readonly #root: string
  readonly #link: ZookeeperConnection
  /** What the ACL of the root must be, and nothing besides; undefined where no secret was given. */
  readonly #owner: Owner | undefined
  /** Whether the root was seen to be closed to everybody else, in this session. */
  #isTrusted = false
  readonly #watches: ZookeeperWatches
  readonly #remembered = new RememberedNodes((path, watch) => this.#get(path, watch))
  readonly #sessionWorker: SessionWorker | undefined
  readonly #listeners = new Set<(event: StoreEvent) => void>()

  private constructor(options: ConnectionOptions, link: ZookeeperConnection) {
    this.url = options.url
    this.#root = options.address.root
    this.#owner = options.auth && ownerOf(options.auth)
    this.#link = link
    const { signal: _, session: __, heartbeat, ...workerOptions } = options
    if (heartbeat === 'thread') this.#sessionWorker = startSessionWorker(workerOptions)
    this.#watches = new ZookeeperWatches((request) => link.call(request))
    link.onWatch = (event) => {
      this.#remembered.receive(event)
      this.#watches.receive(event)
    }
    link.onEvent = (event) => {
      for (const listener of [...this.#listeners]) listener(event)
      if (event !== 'lost') return
      this.#isTrusted = false
      this.#remembered.forget()
      this.#watches.renewAll()
    }
  }

  static async connect(options: ConnectionOptions): Promise<ZookeeperStore> {
    const openSession = options.heartbeat === 'thread' ? openThreadSession : openLoopSession
    const store = new ZookeeperStore(options, await ZookeeperConnection.connect(options, openSession))
    try {
      // A wrong secret is no error to the server: only reading tells.
      await store.get('')
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  get deathDelayMs(): number {
    return this.#link.sessionTimeoutMs
  }

  get #secured(): boolean {
    return this.#owner !== undefined
  }

  get session(): { id: string; password: string } | undefined {
    return this.#link.credentials
  }

  #absolute(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`
  }

  #fail(request: Request, reply: Reply): never {
    const { op, path } = request
    if (reply.rc === NO_AUTH || reply.rc === AUTH_FAILED) {
      const hint = this.#owner ? 'the secret is not the one it was made with' : "option 'auth' is missing"
      throw new WatchdogError('ERR_AUTH', `Not allowed to ${op} ${path}: ${hint}`, { path })
    }
    if (reply.rc === INVALID_ACL) {
      const hint = "the server takes nobody's certificate for an identity: it needs authProvider.1 for X509"
      throw new WatchdogError('ERR_AUTH', `Cannot ${op} ${path}: ${hint}`, { path })
    }
    throw new WatchdogError('ERR_CONNECTION', `ZooKeeper refused to ${op} ${path}: code ${reply.rc}`, {
      path,
      retryable: false,
    })
  }

  /** Reads may simply be asked again. */
  async #read(request: Request): Promise<Reply> {
    for (;;) {
      const outcome = await this.#link.call(request)
      if (outcome.kind === 'interrupted') continue
      const { reply } = outcome
      if (reply.rc !== OK && reply.rc !== NO_NODE) this.#fail(request, reply)
      return reply
    }
  }

  /** Like the link's call; when that gives up, the error says that the write may have happened. */
  async #write(request: Request, interruptedBefore: boolean) {
    const { path } = request
    if ('data' in request && request.data.length + path.length > MAX_REQUEST_BYTES) {
      throw new WatchdogError('ERR_TOO_LARGE', `${request.data.length} bytes are too many for ${path}`, {
        path,
      })
    }
    let sent = false
    try {
      const outcome = this.#link.call(request)
      sent = this.#link.connected
      return await outcome
    } catch (cause) {
      if (!(sent || interruptedBefore)) throw cause
      const message = `${(cause as Error).message}, while trying to ${request.op} ${path}`
      throw maybeApplied(cause, { message, path })
    }
  }

  /**
   * The root. With a secret, one that others may change is none of ours, whoever made it, and nothing of it is
   * believed: asked of each look at it, before a timer begins, and after the session was made anew.
   */
  async #readRoot(): Promise<StoredNode | undefined> {
    const path = this.#root
    for (;;) {
      const { rc, stat, data } = await this.#read({ op: 'get', path, watch: false })
      if (rc === NO_NODE) return undefined
      if (this.#owner !== undefined) {
        const reply = await this.#read({ op: 'getAcl', path })
        // Another root may have come between the two looks.
        if (reply.rc === NO_NODE || reply.stat!.czxid !== stat!.czxid) continue
        if (!isOnly(reply.acl!, this.#owner)) throw this.#foreign()
      }
      this.#isTrusted = true
      return { ...plainInfo(stat!), data: asBuffer(data!) }
    }
  }

  #foreign(): WatchdogError {
    const path = this.#root
    return new WatchdogError(
      'ERR_AUTH',
      `Not using ${path}: others than who holds the secret may change it. Remove it, or make the queue at another path`,
      { path },
    )
  }

  async get(path: string): Promise<StoredNode | undefined> {
    if (path === '') return this.#readRoot()
    if (this.#secured && !this.#isTrusted) await this.#readRoot()
    return this.#get(this.#absolute(path), false)
  }

  async #get(path: string, watch: boolean): Promise<StoredNode | undefined> {
    const reply = await this.#read({ op: 'get', path, watch })
    if (reply.rc === NO_NODE) return undefined
    return { ...plainInfo(reply.stat!), data: asBuffer(reply.data!) }
  }

  async recall(path: string): Promise<StoredNode | undefined> {
    if (this.#secured && !this.#isTrusted) await this.#readRoot()
    return this.#remembered.get(this.#absolute(path))
  }

  async info(path: string): Promise<NodeInfo | undefined> {
    const reply = await this.#read({ op: 'info', path: this.#absolute(path), watch: false })
    return reply.rc === NO_NODE ? undefined : plainInfo(reply.stat!)
  }

  async list(path: string): Promise<string[] | undefined> {
    const reply = await this.#read({ op: 'list', path: this.#absolute(path), watch: false })
    return reply.rc === NO_NODE ? undefined : reply.names!
  }

  async create(
    path: string,
    data: Uint8Array,
    options: { ephemeral?: boolean } = {},
  ): Promise<CreateOutcome> {
    const ephemeral = options.ephemeral ?? false
    // Whoever begins to work here; the root itself may not be there yet.
    if (this.#secured && path !== '' && (ephemeral || !this.#isTrusted)) await this.#readRoot()
    return this.#create(this.#absolute(path), data, ephemeral, this.#secured)
  }

  async #create(
    path: string,
    data: Uint8Array,
    ephemeral: boolean,
    ownerOnly: boolean,
  ): Promise<CreateOutcome> {
    const request = { op: 'create', path, data, ephemeral, ownerOnly } as const
    for (let interrupted = false; ; ) {
      const outcome = await this.#write(request, interrupted)
      if (outcome.kind === 'interrupted') {
        if (ephemeral && outcome.lost) {
          const why = `The session ended while ${path} was being made`
          throw new WatchdogError('ERR_SESSION_LOST', why, { path, maybeApplied: false })
        }
        interrupted = true
        continue
      }
      const { rc } = outcome.reply
      if (rc === OK) return 'created'
      if (rc === NODE_EXISTS) return interrupted && (await this.#isOurs(request)) ? 'created' : 'exists'
      if (rc === NO_NODE) return 'orphan'
      this.#fail(request, outcome.reply)
    }
  }

  /** After an interruption: whether the node that is there now is what we tried to make. */
  async #isOurs(request: Extract<Request, { op: 'create' }>): Promise<boolean> {
    const reply = await this.#read({ op: 'get', path: request.path, watch: false })
    if (reply.rc === NO_NODE) return false
    if (request.ephemeral && !reply.stat!.isOurs) return false
    return asBuffer(reply.data!).equals(request.data)
  }

  async set(path: string, data: Uint8Array, version: number, options: SetOptions = {}): Promise<SetOutcome> {
    const request: Request = { op: 'set', path: this.#absolute(path), data, version }
    for (let interrupted = false; ; ) {
      const outcome = await this.#write(request, interrupted)
      if (outcome.kind === 'interrupted') {
        if (outcome.lost && options.sameSession) {
          const why = `The session ended while ${request.path} was being written`
          throw new WatchdogError('ERR_SESSION_LOST', why, { path: request.path, maybeApplied: true })
        }
        interrupted = true
        // Any version: doing it again does no harm. A known one: a second try changes nothing either,
        // since it fails if the first was carried out.
        continue
      }
      const { rc, stat } = outcome.reply
      if (rc === OK) return { kind: 'set', info: plainInfo(stat!) }
      if (rc === NO_NODE) return { kind: 'missing', maybeApplied: interrupted }
      if (rc !== BAD_VERSION) this.#fail(request, outcome.reply)
      if (!interrupted) return { kind: 'conflict', maybeApplied: false }
      const now = await this.#newest(path).catch((error) => {
        throw maybeApplied(error)
      })
      if (now?.version === version + 1 && now.data.equals(data)) return { kind: 'set', info: now }
      return { kind: 'conflict', maybeApplied: now === undefined || now.version !== version + 1 }
    }
  }

  async #newest(path: string): Promise<StoredNode | undefined> {
    await this.sync()
    return this.get(path)
  }

  async delete(path: string, version: number): Promise<DeleteOutcome> {
    const request: Request = { op: 'delete', path: this.#absolute(path), version }
    for (let interrupted = false; ; ) {
      const outcome = await this.#write(request, interrupted)
      if (outcome.kind === 'interrupted') {
        interrupted = true
        continue
      }
      const { rc } = outcome.reply
      if (rc === OK) return 'deleted'
      // Gone after an interruption: by us, as far as anyone can tell.
      if (rc === NO_NODE) return interrupted ? 'deleted' : 'missing'
      if (rc === BAD_VERSION) return 'conflict'
      if (rc === NOT_EMPTY) return 'notEmpty'
      this.#fail(request, outcome.reply)
    }
  }

  async deleteTree(path: string): Promise<void> {
    for (;;) {
      const names = await this.list(path)
      if (names === undefined) return
      for (let at = 0; at < names.length; at += MAX_STEPS) {
        await this.#deleteAll(names.slice(at, at + MAX_STEPS).map((name) => `${path}/${name}`))
      }
      if ((await this.delete(path, ANY_VERSION)) !== 'notEmpty') return
    }
  }

  /** Leaves go all at once. Where one is none, or has gone meanwhile, nothing has happened: then each by itself. */
  async #deleteAll(paths: string[]): Promise<void> {
    const steps = paths.map(
      (path) => ({ op: 'delete', path: this.#absolute(path), version: ANY_VERSION }) as const,
    )
    const outcome = await this.#link.call({ op: 'multi', path: steps[0]!.path, steps })
    if (outcome.kind === 'reply' && outcome.reply.rc === OK) return
    await Promise.all(paths.map((path) => this.deleteTree(path)))
  }

  async now(path: string): Promise<number | undefined> {
    const outcome = await this.set(path, Buffer.alloc(0), ANY_VERSION)
    return outcome.kind === 'set' ? outcome.info.changedAt : undefined
  }

  /** The leader's clock. */
  time(path: string): Promise<number | undefined> {
    return this.now(path)
  }

  async sync(): Promise<void> {
    await this.#read({ op: 'sync', path: this.#root })
  }

  async createParents(): Promise<void> {
    const names = this.#root.split('/').slice(1, -1)
    const missing: string[] = []
    for (let depth = names.length; depth > 0; depth--) {
      const path = `/${names.slice(0, depth).join('/')}`
      const reply = await this.#read({ op: 'info', path, watch: false })
      if (reply.rc === OK) break
      missing.unshift(path)
    }
    for (const path of missing) await this.#create(path, Buffer.alloc(0), false, false)
  }

  watch(path: string, kind: WatchKind, listener: WatchListener): Promise<() => void> {
    return this.#watches.add(this.#absolute(path), kind, (reply) => {
      // With a secret, what comes before the root was seen to be ours is asked for once more.
      const isBelieved = reply !== undefined && (!this.#secured || this.#isTrusted)
      listener(isBelieved ? { ...plainInfo(reply.stat!), data: asBuffer(reply.data!) } : undefined)
    })
  }

  onEvent(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async look(path: string): Promise<{ data: Buffer; version: number; children: string[] } | undefined> {
    const absolute = path.startsWith('/') ? path : this.#absolute(path)
    const why = badPath(absolute)
    if (why !== undefined) throw new TypeError(`Expected the path of a node, got '${path}': ${why}`)
    const [node, list] = await Promise.all([
      this.#read({ op: 'get', path: absolute, watch: false }),
      this.#read({ op: 'list', path: absolute, watch: false }),
    ])
    if (node.rc === NO_NODE || list.rc === NO_NODE) return undefined
    return { data: asBuffer(node.data!), version: node.stat!.version, children: list.names! }
  }

  remoteReaper(run: ReapedIncarnation): RemoteReaper | undefined {
    const { id, capability, settings } = run
    return this.#sessionWorker?.remoteReaper({ id, capability, settings })
  }

  async close(): Promise<void> {
    await this.#sessionWorker?.stop()
    await this.#link.close()
    this.#watches.end()
  }
}
