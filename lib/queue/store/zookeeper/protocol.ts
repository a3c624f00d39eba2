// What passes between the ZooKeeper store and a session: plain data, so that a session may live
// in another thread.

import type { WatchdogErrorCode } from '../../../util/errors'
import type { TlsOptions } from '../../types'
import type { HostAndPort, ZookeeperAddress } from './url'

export type Heartbeat = 'loop' | 'thread'

/** `x509`: the server takes the client's certificate for it. */
export type Auth = { scheme: 'digest'; secret: string } | { scheme: 'x509' }

export interface ConnectionOptions {
  url: string
  address: ZookeeperAddress
  sessionTimeoutMs: number
  connectTimeoutMs: number
  session?: { id: string; password: string }
  auth?: Auth
  tls?: TlsOptions
  heartbeat: Heartbeat
  signal?: AbortSignal
}

export type Request =
  | { op: 'get' | 'info' | 'list'; path: string; watch: boolean }
  | CreateRequest
  | SetRequest
  | DeleteRequest
  | { op: 'sync' | 'getAcl'; path: string }
  /** `path` is for messages. */
  | { op: 'multi'; path: string; steps: Step[] }

/** `ownerOnly`: all rights for the holder of the secret (or certificate) of this session, none for others. */
interface CreateRequest {
  op: 'create'
  path: string
  data: Uint8Array
  ephemeral: boolean
  ownerOnly: boolean
}

interface SetRequest {
  op: 'set'
  path: string
  data: Uint8Array
  version: number
}

interface DeleteRequest {
  op: 'delete'
  path: string
  version: number
}

/** A part of what is carried out as a whole, or not at all. */
export type Step = CreateRequest | SetRequest | DeleteRequest

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
  /** An ephemeral node of this session. */
  isOurs: boolean
}

export interface Reply {
  /** 0 or one of the codes below. */
  rc: number
  data?: Uint8Array
  stat?: Stat
  /** Names of children; of `multi`, code and version of each step. */
  names?: string[]
  acl?: Acl[]
}

/** Why there is no connection, as far as anyone knows. `isFinal`: trying again would not help. */
export interface Trouble {
  code: WatchdogErrorCode
  message: string
  isFinal: boolean
}

export type SessionEvent =
  | { type: 'connected'; id: string; password: string; timeoutMs: number }
  /** The connection broke, or nobody has answered for a third of the time-out. */
  | { type: 'suspended' }
  /** Answered again, on the same connection. */
  | { type: 'resumed' }
  | { type: 'trouble'; trouble: Trouble }
  /** The end: expired, refused, silent for too long or closed; with `error`, it could not be opened in the first place. */
  | { type: 'closed'; code: number; error?: Error }
  | { type: 'watch'; kind: 'created' | 'deleted' | 'changed' | 'child' | 'lapsed'; path: string }

export interface SessionConfig {
  hosts: readonly HostAndPort[]
  timeoutMs: number
  session?: { id: string; password: string }
  auth?: Auth
  tls?: TlsOptions
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
/** The connection broke before the answer came. */
export const CONNECTION_LOSS = -4
/** Of a session that has ended, or never began. */
export const INVALID_STATE = -9
export const NO_NODE = -101
export const NO_AUTH = -102
export const BAD_VERSION = -103
export const NODE_EXISTS = -110
export const NOT_EMPTY = -111
export const SESSION_EXPIRED = -112
/** Of a client that is nobody to the server: no secret, no certificate that it takes. */
export const INVALID_ACL = -114
export const AUTH_FAILED = -115
export const CLOSING = -116
const SESSION_MOVED = -118

/** The connection broke or the session ended: the request may or may not have been carried out. */
const AMBIGUOUS: ReadonlySet<number> = new Set([
  -2,
  CONNECTION_LOSS,
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
