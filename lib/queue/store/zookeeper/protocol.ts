// What passes between the ZooKeeper store and a session: plain data, so that a session may live
// in another thread.

import type { ZookeeperAddress } from './url'

export type Heartbeat = 'loop' | 'thread'

export interface ConnectionOptions {
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
  | { op: 'getAcl' | 'sync'; path: string }

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
  acl?: Acl[]
}

export type SessionEvent =
  | { type: 'connected'; id: string; password: string; timeoutMs: number }
  | { type: 'connecting' }
  /** The end: expired, refused or closed; with `error`, it could not be opened in the first place. */
  | { type: 'closed'; code: number; error?: Error }
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

/** May throw where no session can be opened; in another thread that comes as its end. */
export type OpenSession = (config: SessionConfig, onEvent: (event: SessionEvent) => void) => Session

/** Between two tries of what failed before it got anywhere, in milliseconds. */
export const RETRY_MS = 500

export const OK = 0
/** Of a session that has ended, or never began. */
export const INVALID_STATE = -9
export const NO_NODE = -101
export const NO_AUTH = -102
export const BAD_VERSION = -103
export const NODE_EXISTS = -110
export const NOT_EMPTY = -111
const SESSION_EXPIRED = -112
export const AUTH_FAILED = -115
export const CLOSING = -116
const SESSION_MOVED = -118

/** The connection broke or the session ended: the request may or may not have been carried out. */
const AMBIGUOUS: ReadonlySet<number> = new Set([
  -2,
  -4,
  -7,
  INVALID_STATE,
  SESSION_EXPIRED,
  CLOSING,
  SESSION_MOVED,
])

export function isDefinite({ rc }: Reply): boolean {
  return !AMBIGUOUS.has(rc)
}

/** The same bytes as a Buffer, which the native client wants, and which another thread's are not. */
export function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length)
}
