// The only importer of the native addons: what they offer, and what to do when one is missing.

import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CannotLoad } from './util/errors'
import type { NodeBuffer } from './util/node-types'

/** What is agreed on with the addons: the number in native/core/interface.h. */
const INTERFACE = 3

/** A call that failed: what native/addon/handle.cc makes of a Status. */
export interface Failure {
  code: string
  syscall?: string
  errno?: number
}

/** What the publishing functions answer; `undefined` is success. The numbers of enum Code in native/core/status.h. */
export const Outcome = { replaced: 12, tooLong: 16, notClaimed: 17, closed: 18 } as const

/** What a scan found in a slot. The numbers of enum Verdict in native/core/board.h. */
export const Verdict = { live: 1, died: 2, closed: 3, busy: 4, bad: 5, badDied: 6 } as const

/** The numbers of enum RecordKind in native/core/layout.h. */
export const RecordKind = { none: 0, inline: 1, overflow: 2, closed: 3 } as const

/** The numbers of enum CounterKind in native/core/layout.h. */
export const CounterKind = { counter: 1, gauge: 2, shared: 3 } as const

/** Where each number of a scan's entry is: struct ScanEntry in native/core/board.h. */
export const EntryField = {
  slot: 0,
  verdict: 1,
  epoch: 2,
  seq: 3,
  kind: 4,
  encoding: 5,
  offset: 6,
  length: 7,
  updates: 8,
  wallMs: 9,
  monotonicNs: 10,
  generation: 11,
  wholeLength: 12,
  crc32c: 13,
  endedNs: 14,
  ending: 15,
  heartNs: 16,
  heartEveryMs: 17,
} as const
export const ENTRY_NUMBERS = 18

/** Numbers of a slot in `hearts()`: struct HeartEntry in native/core/board.h. */
export const HEART_NUMBERS = 3

/** Numbers of a process in `processStats()`: what is asked, and what is answered. */
export const StatField = { state: 0, cpuMs: 1, threads: 2, startTicks: 3, rssBytes: 4 } as const
export const STAT_NUMBERS = 5
/** The state of a process that there is, of which nobody tells us: `?`. */
export const HIDDEN_STATE = 63

/** The numbers of enum EndKind in native/core/layout.h. */
export const EndKind = { unknown: 0, exited: 1, signalled: 2, terminated: 3 } as const

export interface BoardPlan {
  path: string
  temporary: string
  slots: number
  inlineBytes: number
  counters: [name: string, kind: number][]
  sharedCounters: [name: string, kind: number][]
  boardId: NodeBuffer
  mode: number
  anyFilesystem: boolean
}

export interface NativeIdentity {
  id: string
  pid: number
  threadId: number
  uid: number
  startedAt: number
  /** In clock ticks since boot; 0 where the system cannot say. With the pid it names one process for ever. */
  processStart: number
  /** The inode of its pid namespace; 0 where there is no such thing. */
  pidNamespace: number
}

/** What an owner's line says for whoever is about to look into its process. */
export interface NativeInspection {
  /** The kernel's number of the thread that claimed, in its pid namespace; 0: unknown. */
  kernelThread: number
  handlesSigusr1: boolean
  /** Whether somebody has opened its inspector and not closed it. */
  isInspected: boolean
}

export interface RetiredSlot {
  slot: number
  epoch: number
  /** Of its newest overflow file; 0 when it never wrote one. */
  generation: number
}

export interface ClaimedSlot {
  slot: number
  epoch: number
  /** Of the dead worker who had to be retired for it; 0 when there was none. */
  endedEpoch: number
  endedGeneration: number
}

/** An open board: facts, and functions that are bound to it and need no `this`. */
export interface NativeBoard {
  readonly boardId: string
  readonly slots: number
  readonly inlineBytes: number
  readonly names: [name: string, kind: number][]
  readonly uid: number
  readonly inode: number
  /** How many names the file had when it was opened. */
  readonly links: number
  readonly fromEarlierBoot: boolean
  /** By which `publishTextAt` knows it. */
  readonly number: number

  publishText(text: string): number | undefined
  publishJson(text: string): number | undefined
  publishBytes(bytes: Uint8Array): number | undefined
  publishJsonBytes(bytes: Uint8Array, length: number): number | undefined
  publishOverflow(
    bytes: Uint8Array,
    previewBytes: number,
    encoding: number,
    generation: number,
  ): number | undefined
  claim(id: string, threadId: number, keepsStatus: boolean, deadForMs: number): ClaimedSlot | Failure
  retire(slots: number[], includeKept: boolean): RetiredSlot[] | Failure
  /** How many slots the process had. */
  noteEnd(pid: number, kind: number, value: number): number | Failure
  /**
   * Once, by whoever has a slot. `attend` is called after some beats: with how many in a row have found that somebody
   * may have left an inspector open, and with 0 when SIGUSR1 is handled by somebody else than at the beat before.
   */
  startHeart(everyMs: number, attend: (beatsLeftOpen: number) => void): void
  /** Nobody has it open any more. */
  endInspection(): void
  noteSigusr1(handles: boolean): void
  /** Until when somebody may have its inspector open, from now; 0: nobody has. False: that owner is gone. */
  noteInspection(slot: number, epoch: number, forMs: number): boolean
  close(): void
  /** Without a good-bye. */
  abandon(kind: number, value: number): void

  /** The number of entries; -1: a buffer is too small; -2: the board's name leads elsewhere. */
  scan(
    entries: Float64Array,
    payload: Uint8Array,
    cursor: Float64Array | undefined,
    from: number,
    to: number,
  ): number | Failure
  identity(slot: number, epoch: number): NativeIdentity | undefined
  /** Epoch (0: no heart), last beat and interval of each slot; answers how many slots those are. */
  hearts(out: Float64Array): number
  /** Undefined: that owner is gone, or older than such words. */
  inspection(slot: number, epoch: number): NativeInspection | undefined
  /** Of the first `count` entries of a scan: 1, or 0 when that owner is gone, then its counters. */
  counters(entries: Float64Array, count: number, out: Float64Array): void
  endedByDeath(slot: number, epoch: number): boolean
  highWater(): number
  /** Positive once its owner was retired; negative while the slot is owned or being claimed. */
  slotEpoch(slot: number): number
  /** Undefined where the runtime refuses memory that is not its own. */
  counterBuffer(): ArrayBuffer | undefined
  /** These three answer undefined when the slot is not ours any more. */
  addCounter(index: number, n: number): number | undefined
  setCounter(index: number, n: number): number | undefined
  getCounter(index: number): number | undefined
  /** These two answer undefined when the handle is closed. */
  addShared(index: number, n: number): number | undefined
  getShared(index: number): number | undefined
  totals(out: Float64Array): Failure | undefined

  /** Whether writers can wake us; otherwise only deaths do. */
  startWaiting(news: () => void): boolean
  announceWait(): number
  wait(seen: number): void
  keepAlive(whether: boolean): void
  stopWaiting(): void
  enter(): Failure | undefined
  supplant(plan: BoardPlan): Failure | undefined
}

interface NativeModule {
  create(plan: BoardPlan): Failure | undefined
  open(path: string, readOnly: boolean, anyFilesystem: boolean, maxStatusBytes: number): NativeBoard | Failure
  /** What `publishText` of that board does: see HandleTable in native/addon/handle.h. */
  publishTextAt(number: number, text: string): number | undefined
  isAbandoned(path: string): boolean
  /** Whether a file or directory has access rules beside its mode, or may have. */
  hasAcl(path: string): boolean
  /** Undefined where such a lock cannot be had. */
  shareDirectory(path: string): (() => void) | undefined
  crc32c(bytes: Uint8Array): number
  /** Pid and kernel thread (0: all of the process) of each in, STAT_NUMBERS of each out. */
  processStats(wanted: Float64Array, out: Float64Array): void
  /** Reaches only the process that started then; 0: not asked. */
  signalProcess(pid: number, startTicks: number, signal: number): Failure | undefined
  sendDatagram(path: string, text: string): Failure | undefined
  readonly pidNamespace: number
  readonly ticksPerSecond: number
  /** Whether this is the thread that the process began with. */
  isFirstThread(): boolean
  nothing(): undefined
}

export function isFailure(answer: unknown): answer is Failure {
  return typeof answer === 'object' && answer !== null && 'code' in answer
}

/** What a session has to tell: see struct News in native/zookeeper/session.h. */
export const NewsKind = { reply: 0, state: 1, watch: 2 } as const

/** The numbers of enum Step::Kind in native/zookeeper/session.h. */
export const StepKind = { create: 0, set: 1, delete: 2, check: 3 } as const

/** `[version, czxid, mtime, number of children, whether it is an ephemeral node of this session]` */
export type NativeStat = [number, number, number, number, boolean]

/** `[kind, call, code, value, stat]`, again and again. */
export type NativeNews = (number | NodeBuffer | string | string[] | NativeStat | undefined)[]

/** One session of the ZooKeeper client. Requests answer 0, or why they will have no reply. */
export interface NativeSession {
  id(): string
  password(): string
  /** As the server has granted it. */
  timeoutMs(): number
  addAuth(scheme: string, secret: string): void
  /** Begins a connection. Returns 0 or an errno. REQUIRES: there is none. */
  connect(ip: string, port: number): number
  /** The same over a pair of sockets, whose other end it returns, or a negative errno. */
  connectPair(): number
  drop(): void
  /** Whether `onGone` is going to be called. Comes before `abandon()`. */
  close(): boolean
  /** `onGone` will not be called. The end: nothing keeps the session any more. */
  abandon(): void
  get(call: number, path: string, watch: boolean): number
  exists(call: number, path: string, watch: boolean): number
  children(call: number, path: string, watch: boolean): number
  create(call: number, path: string, data: Uint8Array, flags: number, ownerOnly: boolean): number
  set(call: number, path: string, data: Uint8Array, version: number): number
  delete(call: number, path: string, version: number): number
  sync(call: number, path: string): number
  getAcl(call: number, path: string): number
  /** `[kind, path, data, version, flags, ownerOnly]`, again and again. */
  multi(call: number, ...steps: unknown[]): number
}

interface NativeZookeeper {
  /** Id and password are those of a session to take over, or empty. */
  open(
    timeoutMs: number,
    id: string,
    password: string,
    onNews: (news: NativeNews) => void,
    onGone: () => void,
  ): NativeSession
}

const nodeGypBuild = require('node-gyp-build') as { path(root: string): string }

const ROOT = join(__dirname, '..', '..')

function load(): NativeModule {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new CannotLoad(`rollcall works on Linux and macOS, not on ${process.platform}`)
  }
  let file: string
  try {
    file = nodeGypBuild.path(ROOT)
  } catch (cause) {
    throw new CannotLoad(whyNone(ROOT), { cause })
  }
  return loadFile(file) as NativeModule
}

function loadFile(file: string): unknown {
  let addon: { interface?: number }
  try {
    addon = require(file)
  } catch (cause) {
    throw new CannotLoad(whyNotLoaded(file, ROOT, cause as NodeJS.ErrnoException), { cause })
  }
  if (addon.interface === INTERFACE) return addon
  throw new CannotLoad(
    `rollcall's native addon ${file} is of another release: its interface is ${addon.interface ?? 0}, this release has ${INTERFACE}. Build it with: ${buildIt(ROOT)}`,
  )
}

function machine(): string {
  return `${process.platform}-${process.arch}, Node ${process.versions.node}`
}

/** Not `npm rebuild`, which says that all is well and does nothing where install scripts are off or not approved. */
function buildIt(root: string): string {
  return `npm --prefix '${root}' run install (needs python3, make and a C++ compiler)`
}

function whyNone(root: string): string {
  // A bundler has moved this file away from the package that has the addon.
  if (!isOurPackage(root)) {
    return `rollcall looks for its native addon in ${root}, which is not its package: keep 'rollcall' out of the bundle (esbuild: --external:rollcall; webpack: externals)`
  }
  return `rollcall has no native addon for ${machine()}. Build it with: ${buildIt(root)}`
}

function isOurPackage(root: string): boolean {
  try {
    return (require(join(root, 'package.json')) as { name?: string }).name === 'rollcall'
  } catch {
    return false
  }
}

/** The file is there: first what is wrong with it, in the system's own words, then what helps. */
function whyNotLoaded(file: string, root: string, { code, message }: NodeJS.ErrnoException): string {
  const reason = message.split('\n', 1)[0]!.replace(`${file}: `, '')
  return `rollcall cannot load its native addon ${file}: ${reason}; ${remedy(root, code, message)}`
}

function remedy(root: string, code: string | undefined, message: string): string {
  if (code === 'ERR_ACCESS_DENIED' || code === 'ERR_DLOPEN_DISABLED') {
    return 'start Node with --allow-addons where it is started with --permission, and without --no-addons'
  }
  if (/failed to map segment|operation not permitted/i.test(message)) {
    return 'its file system is probably mounted noexec: install the package on one that may run programs'
  }
  if (/permission denied/i.test(message)) return 'this user may not read it: mend its permissions'
  if (/GLIBC|GLIBCXX|musl|cannot open shared object|libc\.so/i.test(message)) {
    return `it was built for another C library; build it here with: ${buildIt(root)}`
  }
  if (
    /wrong ELF class|invalid ELF header|file too short|cannot read file data|mach-o|incompatible architecture/i.test(
      message,
    )
  ) {
    return `it is damaged or was built for another machine than this (${machine()}); build it here with: ${buildIt(root)}`
  }
  return `this is ${machine()}; if nothing else helps, build it here with: ${buildIt(root)}`
}

export const native: NativeModule = load()

let zookeeper: NativeZookeeper | undefined

/** The addon for ZooKeeper, which lies beside the first one. Throws where it was not built. */
export function loadZookeeper(): NativeZookeeper {
  if (zookeeper !== undefined) return zookeeper
  const first = nodeGypBuild.path(ROOT)
  const file = join(dirname(first), basename(first).replace('rollcall', 'rollcall_zookeeper'))
  if (!existsSync(file)) {
    throw new CannotLoad(
      `rollcall has no native addon for ZooKeeper for ${machine()}. The sources of its client come with the package zookeeper: ` +
        `npm install --ignore-scripts zookeeper@7.3.0, then build it with: ${buildIt(ROOT)}`,
    )
  }
  zookeeper = loadFile(file) as NativeZookeeper
  return zookeeper
}
