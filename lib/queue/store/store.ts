// What a place must offer to keep a queue in: a small tree of versioned nodes below the root of
// one queue, watches, and nodes that vanish with their owner. Paths are relative to that root
// ('' is the root itself, 'a/b' is below it).
//
// The promises of an implementation:
//
// - create, set and delete are atomic; set and delete may be tied to a version.
// - Expected outcomes are results; errors are WatchdogErrors. Ambiguous answers are resolved by
//   reading again wherever that is possible; where it is not, the outcome says `maybeApplied`.
// - After `sync()` every read sees at least what any process had written before it.
// - Every call ends. A connection that is down is waited for, within limits, then ERR_CONNECTION.
// - A node takes a megabyte; more may be ERR_TOO_LARGE. Names are of what encodeURIComponent leaves and `%`, and short.
// - The order of a list says nothing; `born` does. A node that was deleted and made anew may have an old version again.

import type { NodeBuffer } from '../../util/node-types'
import type { Settings } from './settings'

/** Matches whatever version the node has. */
export const ANY_VERSION = -1

export interface NodeInfo {
  readonly version: number
  /** Grows with each creation in the store: sorts nodes by age. */
  readonly born: number
  /** When it was last written, by the clock of the store (never of this machine, where they differ). */
  readonly changedAt: number
  readonly children: number
}

export interface StoredNode extends NodeInfo {
  readonly data: NodeBuffer
}

/** `'orphan'`: its parent is missing. */
export type CreateOutcome = 'created' | 'exists' | 'orphan'

export type SetOutcome =
  | { readonly kind: 'set'; readonly info: Pick<NodeInfo, 'version' | 'changedAt'> }
  /** `maybeApplied`: an earlier try may have been applied and then been overwritten by others. */
  | { readonly kind: 'conflict' | 'missing'; readonly maybeApplied: boolean }

export type DeleteOutcome = 'deleted' | 'missing' | 'conflict' | 'notEmpty'

/**
 * `'gone'`: that leaf was deleted. `'data'`: written, created or deleted. `'node'`: the same, and the store may bring the
 * node as it is now, where that saves a question. `'children'`: its list of names.
 */
export type WatchKind = 'gone' | 'data' | 'node' | 'children'

export type WatchListener = (node?: StoredNode) => void

export interface SetOptions {
  /** Not carried over into a new session, ERR_SESSION_LOST instead. */
  readonly sameSession?: boolean
  /** Resolves when it would survive a power cut; others may survive the death of any process only. */
  readonly durable?: boolean
  /** Nobody watches this node, so nobody need be woken. */
  readonly quiet?: boolean
}

/** Connection trouble, as the queue's events tell it. After `'lost'` everything ephemeral of this store is gone. */
export type StoreEvent = 'suspended' | 'resumed' | 'lost'

/** An incarnation, as plain data. */
export interface ReapedIncarnation {
  readonly id: string
  readonly capability: string
  readonly settings: Settings
}

/** Looks after an incarnation while somebody holds it (see `members/reaper.ts`). */
export interface RemoteReaper {
  /**
   * Looks after it until the returned function is called; the last of several ends the work. `isIdle`: nobody waits,
   * so that the process need not live for it.
   */
  hold(options?: { isIdle?: boolean }): () => void
  /** Resolves when no work of it is on its way. REQUIRES: the store is closed, or nobody holds it. */
  idle(): Promise<void>
}

/**
 * Acks on record without a write to the store: one log for each timer, of the numbers of its claims, one for each
 * ack. Whoever acts on what a log says takes it: from then on its writer does not rely on it any more and lets the
 * store decide. Of a record that is made while somebody takes the log, at least one of them knows.
 */
export interface AckLogs {
  /** Makes the log of a timer of this process; undefined where that cannot be. */
  open(timers: string, wid: string): AckLog | undefined
  /** How many acks of that claim are on record, for a reader that only wants to know. */
  read(wid: string, number: number): number
  /** The same, for a caller that acts on it. */
  take(wid: string, number: number): number
  /** Dead timers that have left a log: what they held may not have been taken back yet. */
  abandoned(timers: string): string[]
  /** Deletes the log of a dead timer that holds nothing any more. */
  remove(wid: string): void
}

/** The log of one timer, for its owner. */
export interface AckLog {
  /** To be called before the claim is made whose acks are to be recorded. False: not now. */
  begin(): boolean
  /** Whether one more ack of that claim is on record. False: perhaps, the store decides; and so for all to come. */
  record(number: number): boolean
  /** The store knows all that was recorded before the last `begin()`. */
  trim(): void
  /** What is in it stays for others to read; nothing more is recorded. */
  close(): void
  /** The store knows all that was recorded. */
  remove(): void
}

export interface Store {
  /** What was connected to, for messages. */
  readonly url: string
  /** How long the store may take to notice that a process has died, in milliseconds. */
  readonly deathDelayMs: number
  /** ZooKeeper: the credentials of a hand-over. */
  readonly session: { id: string; password: string } | undefined
  /**
   * Whether one of all waiting handles should look after a queue for the others, because each look
   * costs a server something.
   */
  readonly needsLeader: boolean

  get(path: string): Promise<StoredNode | undefined>
  /**
   * The node as it was at some moment after the last answer of this store: what is asked for again and again need not
   * be asked of the server, where that tells of changes.
   */
  recall(path: string): Promise<StoredNode | undefined>
  info(path: string): Promise<NodeInfo | undefined>
  list(path: string): Promise<string[] | undefined>
  /** Ephemeral: vanishes with this process (or its session), however that ends. */
  create(path: string, data: Uint8Array, options?: { ephemeral?: boolean }): Promise<CreateOutcome>
  set(path: string, data: Uint8Array, version: number, options?: SetOptions): Promise<SetOutcome>
  delete(path: string, version: number): Promise<DeleteOutcome>
  /** Deletes a node and everything below it, though not at once where the place cannot do that. */
  deleteTree(path: string): Promise<void>
  sync(): Promise<void>
  /**
   * The time by the clock of `changedAt`. `path` is a node that may be written to find it out;
   * undefined when it is missing.
   */
  now(path: string): Promise<number | undefined>
  /**
   * The time that delays are measured by, in milliseconds since the Unix epoch: no clock of a client's decides, it
   * does not jump while this machine or the server runs, and goes on after a restart. `path` as for `now()`.
   */
  time(path: string): Promise<number | undefined>
  /** Makes the ancestors of the root, which are kept when the queue goes. */
  createParents(): Promise<void>
  /**
   * Calls `listener` after something of that kind may have happened, until the returned function is
   * called. Several changes may become one call, and a call may come without a change.
   */
  watch(path: string, kind: WatchKind, listener: WatchListener): Promise<() => void>
  onEvent(listener: (event: StoreEvent) => void): () => void
  /** Where all processes have one memory. */
  readonly logs?: AckLogs | undefined
  /**
   * A file beside the queue for that ephemeral node: while somebody holds its lock, the node counts as there for
   * whoever would take over what its owner held. Where only this place can know of such a lock.
   */
  guardPath?(path: string): string | undefined
  /** One that works in another thread of this process, where there is one; without it, this thread's own does. */
  remoteReaper?(incarnation: ReapedIncarnation): RemoteReaper | undefined
  /** Opens another queue's place with the options of this one. */
  neighbour?: ((url: string) => Promise<Store>) | undefined
  /** Looks outside of the queue: an absolute path of the store, or one relative to the root. */
  look(path: string): Promise<{ data: NodeBuffer; version: number; children: string[] } | undefined>
  close(): Promise<void>
}
