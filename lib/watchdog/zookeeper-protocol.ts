// What passes between the ZooKeeper store and a session: plain data, so that a session may live
// in another thread.

import type { ZookeeperAddress } from './zookeeper-url'

export type Heartbeat = 'loop' | 'thread'

export interface LinkOptions {
  url: string
  address: ZookeeperAddress
  sessionTimeoutMs: number
  connectTimeoutMs: number
  session?: { id: string; password: string }
  auth?: { scheme: 'digest'; secret: string }
  heartbeat: Heartbeat
  signal?: AbortSignal
}

export type Request =
  | { op: 'get' | 'info' | 'list'; path: string; watch: boolean }
  | { op: 'create'; path: string; data: Uint8Array; ephemeral: boolean }
  | { op: 'set'; path: string; data: Uint8Array; version: number }
  | { op: 'delete'; path: string; version: number }
  | { op: 'setAcl'; path: string; acl: Acl[] }
  | { op: 'sync'; path: string }

export interface Acl {
  perm: number
  scheme: string
  auth: string
}

export interface Stat {
  version: number
  czxid: number
  mtimeMs: number
  children: number
  /** The session id of an ephemeral node, '0' otherwise. */
  owner: string
}

export interface Reply {
  /** 0 or one of the codes below. */
  rc: number
  data?: Uint8Array
  stat?: Stat
  children?: string[]
}

export type SessionEvent =
  | { type: 'connected'; id: string; password: string; timeoutMs: number }
  | { type: 'connecting' }
  /** The end: expired, refused or closed. */
  | { type: 'closed'; code: number }
  | { type: 'watch'; kind: 'created' | 'deleted' | 'changed' | 'child' | 'lapsed'; path: string }

export interface SessionConfig {
  /** `host:port,...`, already resolved. */
  connect: string
  timeoutMs: number
  session?: { id: string; password: string }
  auth?: { scheme: string; secret: string }
}

export interface Session {
  /** Always resolves; trouble is in the reply's code. */
  call(request: Request): Promise<Reply>
  close(): Promise<void>
}

export type OpenSession = (config: SessionConfig, onEvent: (event: SessionEvent) => void) => Session

export const OK = 0
export const NO_NODE = -101
export const NO_AUTH = -102
export const BAD_VERSION = -103
export const NODE_EXISTS = -110
export const NOT_EMPTY = -111
export const SESSION_EXPIRED = -112
export const AUTH_FAILED = -115
const SESSION_MOVED = -118

/** The request may or may not have been carried out. */
const AMBIGUOUS: ReadonlySet<number> = new Set([-2, -4, -7, -116, SESSION_MOVED])
/** The session has ended; what was in flight may have been carried out before. */
const LOST: ReadonlySet<number> = new Set([-9, SESSION_EXPIRED])

export type ReplyClass = 'definite' | 'ambiguous' | 'lost'

export function classify(rc: number): ReplyClass {
  if (AMBIGUOUS.has(rc)) return 'ambiguous'
  return LOST.has(rc) ? 'lost' : 'definite'
}
