// The shapes that a watchdog queue takes and gives.

import type { JsonValue } from '../scoreboard/types'
import type { NodeBuffer } from '../util/node-types'

/** What a queue is made of, and how it behaves for everybody that shares it. */
export interface CreateQueueOptions<Item = string> {
  /**
   * A timer that was not kicked for this long, in milliseconds, is expired.
   *
   * @default 120000
   */
  timerMs?: number
  /**
   * The items: text, bytes, or anything JSON can say, up to 1,000,000 bytes each. Left out, the
   * workers themselves are the pieces of the job.
   *
   * @default none
   */
  queue?: Iterable<Item> | AsyncIterable<Item>
  /**
   * Sets a start barrier, which the first timer removes and `waitSync()` waits for.
   *
   * @default false
   */
  syncStart?: boolean
  /**
   * How many workers belong to the queue, or their ids; those that never make a timer are then
   * reported as never started.
   *
   * @default unknown
   */
  expect?: number | string[]
  /**
   * Failed attempts before an item becomes a dead letter, 1 to 1000.
   *
   * @default 3
   */
  maxAttempts?: number
  /**
   * What happens to the leases of a worker that is alive but does not kick: `'report'` leaves them
   * with it, `'requeue'` takes them (and its timer) away.
   *
   * @default 'report'
   */
  onExpire?: 'report' | 'requeue'
  /**
   * How long an item that was nacked waits for its next attempt: `delayMs` after the first, `factor` times as long
   * after each further one, `maxDelayMs` at most, and up to the part `jitter` of it more or less at random.
   *
   * @default none: it is tried again at once
   */
  backoff?: BackoffOptions
  /**
   * Of the items that it is made with: higher first, 0 to 255. Within a priority the first comes first.
   *
   * @default 0
   */
  priority?: number
  /**
   * The items that it is made with are not leased before so much time has passed, in milliseconds.
   *
   * @default 0
   */
  delayMs?: number
  /**
   * Whether what `ack(result)` says, or what the handler of `run()` returns, is kept for `results()`.
   *
   * @default false
   */
  results?: boolean
  /**
   * The URL of a queue, or several: no item of this one is leased before all of those are done.
   *
   * @default none
   */
  after?: string | string[]
  /**
   * What a dead item in one of those means: `'wait'` until it is done after all, or `'run'` all the same.
   *
   * @default 'wait'
   */
  afterDead?: 'wait' | 'run'
  /**
   * What stays of pages of items that are done: `'all'`, or only their `'counts'`, for queues that live for months.
   *
   * @default 'counts' where more may be added (`sealed: false`) and results are not kept, else 'all'
   */
  keepDone?: 'counts' | 'all'
  /**
   * How long workers that have ended stay in `getTimers()`, in milliseconds.
   *
   * @default one day where only counts of what is done are kept, else for ever
   */
  keepMembersMs?: number
  /**
   * What to do about a queue that is there already. `'extend'` is for a list that may grow: a queue that was made
   * with `'extend'` of the same items gets those that have come after them; where its items are not the first of
   * these, ERR_EXISTS says so.
   *
   * @default 'error', which is ERR_EXISTS
   */
  ifExists?: 'error' | 'attach' | 'replace' | 'extend'
  /**
   * With `ifExists: 'extend'`: what is done with the items, in words of your own, up to 4,096 characters. A queue that
   * was begun for another purpose is refused with ERR_EXISTS, as what was done for that would count as done for this.
   *
   * @default none: it is not compared
   */
  purpose?: string
  /**
   * Whether a queue that was begun for another `purpose` is gone on with for this one.
   *
   * @default false
   */
  changePurpose?: boolean
  /**
   * Whether all items are there from the start. `false`: more may come by `add()`, until `seal()`.
   *
   * @default true
   */
  sealed?: boolean
}

/** How long an item waits after an attempt that failed. */
export interface BackoffOptions {
  /** After the first attempt, in milliseconds, 1 to 2^31 - 1. */
  delayMs: number
  /** How many times as long after each further one, 1 to 100. @default 2 */
  factor?: number
  /** At most, in milliseconds. @default a day */
  maxDelayMs?: number
  /** So much of it is put on or taken off at random, 0 to 1. @default 0.1 */
  jitter?: number
}

/** How items are added. */
export interface AddOptions<Item = string> {
  /** Higher first, 0 to 255. @default 0 */
  priority?: number
  /** Not leased before so much time has passed, in milliseconds. @default 0 */
  delayMs?: number
  /**
   * Names each item. One whose name the queue has seen before is not added again, whatever has become of the first.
   * For up to 1,000,000 names.
   */
  id?: (item: Item) => string
}

/** How a failed attempt is taken. */
export interface NackOptions {
  /** Not leased again before so much time has passed, in milliseconds. @default as the queue's `backoff` says */
  delayMs?: number
}

/** Which items to list. */
export interface ItemsOptions {
  /** @default all */
  state?: ItemState
  /** So many at most. @default all */
  limit?: number
}

/** Where an item is; `delayed` waits for its time. */
export type ItemState = 'ready' | 'delayed' | 'leased' | 'done' | 'dead'

/** An item, and where it is. */
export interface ItemInfo<Item = string> {
  id: string
  item: Item
  state: ItemState
  /** Attempts that have failed; of an item that is done that is not known. */
  attempts?: number
  /** The timer that holds it. */
  worker?: string
  /** When a delayed item is due, by the clock of the store: milliseconds since the Unix epoch. */
  notBefore?: number
}

/** What came of an item that is done. */
export interface ItemResult<Item = string> {
  id: string
  item: Item
  /** Undefined where its worker gave none. */
  result: JsonValue | undefined
  /** Attempts, with the one that succeeded. */
  attempts: number
  /** The timer that did it. */
  worker: string
}

/** What to tell. */
export interface EventsOptions {
  /**
   * Also each item that is done, as an event of type `done` with `item`.
   *
   * @default false
   */
  items?: boolean
  signal?: AbortSignal
}

/** How to speak TLS with a server: as for Node's `tls.connect()`. Certificates and keys are PEM. */
export interface TlsOptions {
  /** Authorities to trust instead of the well-known ones. */
  ca?: string | NodeBuffer | (string | NodeBuffer)[]
  /** The client's certificate, for a server that asks for one. */
  cert?: string | NodeBuffer
  /** Its private key. */
  key?: string | NodeBuffer
  passphrase?: string
  /** The name that must be in the server's certificate. @default the host of the URL */
  servername?: string
  /** `false` takes any certificate: whoever sits in between can read and change everything. @default true */
  rejectUnauthorized?: boolean
}

/** How to reach a queue. Each says which kind of queue it is for, unless it is for both. */
export interface ConnectOptions {
  /**
   * ZooKeeper: how long a silent session lives, in milliseconds, 100 to 3,600,000. The server may clamp it.
   *
   * @default 15000
   */
  sessionTimeoutMs?: number
  /** ZooKeeper: take over the session of another process. */
  session?: { id: string; password: string }
  /**
   * How long to wait for the first answer, in milliseconds; then ERR_UNREACHABLE.
   *
   * @default 10000
   */
  connectTimeoutMs?: number
  /**
   * ZooKeeper: who we are. Every node of the queue is then closed to others. `secret` is 'user:password'; `x509` is
   * the certificate of option `tls`, where the server takes it for an identity.
   */
  auth?: { scheme: 'digest'; secret: string } | { scheme: 'x509' }
  /** ZooKeeper: encrypted, to a server whose certificate is verified. `zks://` is the same as `true`. */
  tls?: boolean | TlsOptions
  /**
   * ZooKeeper: which thread keeps the session alive. `'thread'` survives a blocked event loop, and looks after the
   * queue meanwhile, over a second connection.
   *
   * @default 'loop'
   */
  heartbeat?: 'loop' | 'thread'
  /**
   * On this machine: use the queue although users other than this one and root may write to a directory above it,
   * as in a volume of a container that is 0777. Such a user could have any file of this user deleted, so say this
   * only where there is none.
   *
   * @default false
   */
  allowSharedDirectory?: boolean
  signal?: AbortSignal
}

/** How long to wait. */
export interface WaitOptions {
  /** In milliseconds. @default no limit */
  timeoutMs?: number
  signal?: AbortSignal
}

/** Items of a queue by what has become of them; `total` is the sum of the others. */
export interface QueueCounts {
  total: number
  ready: number
  /** Waits for its time: after a failed attempt, or because it was added so. */
  delayed: number
  leased: number
  done: number
  dead: number
  /** Attempts that failed: they were nacked, or their worker died with the item in hand. It never falls. */
  failed: number
  /** Those of them after which the item was to be tried again. */
  retried: number
  /** Those of `ready` that may not begin yet, since a queue that this one comes after is not done; left out where there are none. */
  waiting?: number
}

/** An item that has failed as often as it may. */
export interface DeadLetter<Item = string> {
  id: string
  item: Item
  /** Failed attempts. */
  attempts: number
  /** Of the last attempt, where it was a nack with an error. */
  error?: { message: string; name?: string; stack?: string }
  /** The timer that made the last attempt. */
  worker?: string
}

/**
 * `suspended` and `resumed` are about the connection, `lost` is the end of a session, `done` is the
 * end of the work, the others are about a timer or an item.
 */
export type WatchdogEventType =
  | 'started'
  | 'kicked'
  | 'expired'
  | 'died'
  | 'finished'
  | 'failed'
  | 'requeued'
  | 'dead'
  | 'done'
  | 'suspended'
  | 'resumed'
  | 'lost'

/** Something that happened to a timer, an item, the connection or the whole queue. */
export interface WatchdogEvent {
  type: WatchdogEventType
  /** When this subscriber saw it, in milliseconds since the Unix epoch. */
  at: number
  /** The timer's id. */
  timer?: string
  /** The item's id. */
  item?: string
  /** What was said with the kick. */
  progress?: JsonValue
}

/** `died` went without a word, `expired` is there and does not kick, `failed` said so itself. */
export type TimerState = 'alive' | 'expired' | 'finished' | 'failed' | 'died' | 'never-started'

/** A worker as the master sees it. The same id twice: two entries, the newest last. */
export interface TimerInfo {
  id: string
  state: TimerState
  /** Since the last kick, in milliseconds; undefined once the timer is gone. */
  ageMs: number | undefined
  /** In milliseconds since the Unix epoch, by the worker's clock. */
  startedAt?: number
  host?: string
  pid?: number
  /** The exit code that `end()` was given. */
  code?: number
  /** What the last kick said. */
  progress?: JsonValue
}

/** Workers by what has become of them. */
export interface TimerCounts {
  /** Timers that are there, expired ones included. */
  alive: number
  expired: number
  finished: number
  failed: number
  died: number
  neverStarted: number
}

/** How it all ended. */
export interface DoneReport {
  /** No dead letters and, with `workers`, none that failed, died, expired or never started. */
  ok: boolean
  done: number
  dead: number
  workers: TimerInfo[]
  /** Queues that this one comes after, and that have dead items: nothing here will be leased before they are done. */
  blocked?: string[]
}

/** How to take one item. */
export interface LeaseOptions {
  /** How long to wait for an item, in milliseconds. @default 0 */
  waitMs?: number
  signal?: AbortSignal
}

/** How to take one item after the other. */
export interface LeasesOptions {
  /**
   * When the iteration ends: when the queue is done, or as soon as nothing is ready.
   *
   * @default 'done'
   */
  until?: 'done' | 'empty'
  /** How long one item may take, in milliseconds: then `lease.signal` aborts with a TimeoutError. @default no limit */
  timeoutMs?: number
  /**
   * How many items may be leased together where they are short work, 1 to 500. With 1, items begin in the order of the
   * queue also where several workers take from it.
   *
   * @default 500
   */
  maxBatch?: number
  signal?: AbortSignal
}

/** How to work on items. */
export interface RunOptions extends LeasesOptions {
  /** Handlers at work at the same time, 1 to 10,000. @default 1 */
  concurrency?: number
  /**
   * What `signal` means: lease no more, give back what is not begun, wait so long for what is, in milliseconds, then
   * abort it and give it back. `run()` then resolves. Without it `run()` waits without limit, then rejects with the
   * signal's reason.
   */
  drainMs?: number
}

/** How a worker ended, in its own words. */
export interface EndResult {
  status: 'done' | 'failed'
  /** An exit code, for the report. */
  code?: number
}
