// The only importer of the native addon: what it offers, and what to do when it is missing.

import { join } from 'node:path'

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
} as const
export const ENTRY_NUMBERS = 16

/** The numbers of enum EndKind in native/core/layout.h. */
export const EndKind = { unknown: 0, exited: 1, signalled: 2, terminated: 3 } as const

export interface BoardPlan {
  path: string
  temporary: string
  slots: number
  inlineBytes: number
  counters: [name: string, kind: number][]
  sharedCounters: [name: string, kind: number][]
  boardId: Buffer
  mode: number
  anyFilesystem: boolean
}

export interface NativeIdentity {
  id: string
  pid: number
  threadId: number
  uid: number
  startedAt: number
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
  counters(slot: number, epoch: number, out: Float64Array): boolean
  endedByDeath(slot: number, epoch: number): boolean
  highWater(): number
  /** Negative while the slot is owned. */
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
  /** 0 off, 1 searching, 2 guarding: see native/addon/cloexec.cc. Returns how many sockets it marked. */
  guardSockets(mode: 0 | 1 | 2): number
  /** Wakes those whose socket was closed without their knowing. Returns how many that were. */
  reviveSockets(): number
  /** Whether this is the thread that the process began with. */
  isFirstThread(): boolean
  nothing(): undefined
}

export function isFailure(answer: unknown): answer is Failure {
  return typeof answer === 'object' && answer !== null && 'code' in answer
}

const nodeGypBuild = require('node-gyp-build') as { (root: string): unknown; path(root: string): string }

/** The path of the addon of the package in `root`. Throws where there is none for this machine. */
export function findAddon(root: string): string {
  return nodeGypBuild.path(root)
}

function load(): NativeModule {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Error(`rollcall works on Linux and macOS, not on ${process.platform}`)
  }
  const root = join(__dirname, '..', '..')
  let file: string
  try {
    file = nodeGypBuild.path(root)
  } catch (cause) {
    throw new Error(whyNone(root), { cause })
  }
  try {
    return require(file) as NativeModule
  } catch (cause) {
    throw new Error(whyNotLoaded(file, root, cause as NodeJS.ErrnoException), { cause })
  }
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
