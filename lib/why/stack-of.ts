// The stack of a worker that hangs, without its having planned for it: its process is asked by SIGUSR1 to open Node's
// inspector, V8 says what runs, and the inspector is closed again. First everything that makes this safe is asked of
// the kernel; where it is not, or where nothing answers, the kernel's own view is told instead.

import { networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { isFailure, native } from '../binding'
import { MISSED_BEATS } from '../scoreboard/hearts'
import type { AnyScoreboard } from '../scoreboard/scoreboard'
import { checkOptions, optionalBoolean, optionalInteger, optionalSignal } from '../util/check-options'
import { kernelText } from '../util/kernel-text'
import { abortable } from '../util/wait'
import { debuggerUrl, Inspector, stackNow } from './inspector'
import { takeTurn } from './one-at-a-time'
import { Patience } from './patience'
import {
  catchesSignal,
  isNode,
  kernelView,
  linkOf,
  SIGUSR1,
  socketsOf,
  statusField,
  type TcpSocket,
  tcpSockets,
} from './proc'
import { mapped } from './source-maps'
import type { AskedWorker, KernelView, StackFrame, StackOptions, StackRefusal, WorkerStack } from './types'
import { denialText, whyNotIts, whyOutOfReach } from './whose-process'

const OPTIONS = ['board', 'timeoutMs', 'samples', 'inspector', 'signal']
const DEFAULT_TIMEOUT_MS = 2000
const SAMPLE_EVERY_MS = 100
/** How much later than we promise an inspector counts as left open by somebody who was killed. */
const GRACE_MS = 2000
const LOOK_EVERY_MS = 3
const SETTLE_MS = 10
const LOOKS_BEFORE_ALL = 100

/** In these a signal does no harm: they begin anew by themselves, or by libuv's hand. */
const HARMLESS_CALLS = /^(futex|epoll_wait|epoll_pwait2?|restart_syscall)$/
const HARMLESS_WAITS = /^(futex|ep_poll|do_epoll|hrtimer)/
/** Among them those of an event loop: with a heart that stands still, it is a loop inside of a synchronous call. */
const LOOPS = /^epoll/

class Refused extends Error {
  constructor(readonly refusal: StackRefusal) {
    super(refusal.message)
  }
}

function refuse(code: StackRefusal['code'], message: string): never {
  throw new Refused({ code, message })
}

function refuseIf(refusal: StackRefusal | undefined): void {
  if (refusal !== undefined) throw new Refused(refusal)
}

/** One worker, as everything below needs it. */
interface Subject {
  worker: AskedWorker
  board: AnyScoreboard | undefined
  /** The kernel's number of its thread. */
  thread: number
  handlesSigusr1: boolean
  /** Whether somebody was killed who had its inspector open. */
  isLeftOpen: boolean
  /** Once its inspector is being opened: says for how long it may be open from now. */
  noteMore?: () => void
}

/** See why.ts. */
export async function stackOf(worker: AskedWorker, options: StackOptions = {}): Promise<WorkerStack> {
  checkOptions(options, OPTIONS, 'the options of stackOf()')
  const timeoutMs = optionalInteger(options.timeoutMs, 'timeoutMs', 50, 60_000) ?? DEFAULT_TIMEOUT_MS
  const samples = optionalInteger(options.samples, 'samples', 1, 1000) ?? 1
  const mayInspect = optionalBoolean(options.inspector, 'inspector') ?? true
  const signal = optionalSignal(options.signal, 'signal')
  signal?.throwIfAborted()
  const startedAt = performance.now()
  const { id, pid, threadId } = worker
  const base = { id, pid, threadId }
  const inspection = options.board?.inspection(worker)
  const subject: Subject = {
    worker,
    board: options.board,
    thread: inspection?.kernelThread || pid,
    handlesSigusr1: inspection?.handlesSigusr1 ?? false,
    isLeftOpen: inspection?.isInspected ?? false,
  }
  try {
    if (process.platform !== 'linux') refuse('unsupported', 'only Linux tells enough of another process')
    refuseIf(whyNotIts(worker))
    if (!mayInspect) refuse('not-wanted', 'its inspector was not to be used')
    checkInspectable(subject)
    const found = await inspect(subject, { timeoutMs, samples, signal })
    return { ...base, frames: found.samples.at(-1)!, ...found, tookMs: found.at - startedAt }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const isOther = /^(dead|gone|unsupported|other-namespace)$/.test(error.refusal.code)
    const kernel = isOther ? undefined : kernelView(pid, subject.thread)
    return { ...base, refusal: error.refusal, kernel, tookMs: performance.now() - startedAt }
  }
}

/** See why.ts. */
export async function closeLeftInspectors(board: AnyScoreboard): Promise<number> {
  let closed = 0
  for (const worker of board.snapshot().workers) {
    // Its note is still good for whoever is at it now: the turn is theirs until then.
    if (!board.inspection(worker)?.isInspected) continue
    // The next look at it finds the note, and closes what it finds open.
    const stack = await stackOf(worker, { board })
    if (stack.frames !== undefined) closed++
  }
  return closed
}

/** Whether SIGUSR1 opens its inspector, and does nothing else. */
function checkInspectable({ worker: { pid }, handlesSigusr1, isLeftOpen }: Subject): void {
  refuseIf(whyOutOfReach(pid))
  if (!isNode(pid))
    refuse('not-node', `its program is ${linkOf(`/proc/${pid}/exe`) ?? 'unknown'}, which is not Node`)
  const tracer = statusField(pid, 'TracerPid')
  if (tracer !== undefined && tracer !== '0')
    refuse('traced', `process ${tracer} traces it, such as gdb or strace`)
  if (isLeftOpen) return
  if (handlesSigusr1)
    refuse('own-handler', 'its program has a listener of its own for SIGUSR1, which would run')
  if (!catchesSignal(pid, SIGUSR1)) {
    refuse(
      'no-handler',
      'it does not catch SIGUSR1 (--disable-sigusr1, or another runtime), which would end it',
    )
  }
}

interface Limits {
  timeoutMs: number
  samples: number
  signal: AbortSignal | undefined
}

interface Found {
  samples: StackFrame[][]
  inspectorOpenMs: number
  /** When the first stack was there. */
  at: number
}

async function inspect(subject: Subject, limits: Limits): Promise<Found> {
  const startedAt = performance.now()
  using patience = new Patience(subject.worker.pid, limits.timeoutMs, () => subject.noteMore?.())
  const signal =
    limits.signal === undefined ? patience.signal : AbortSignal.any([patience.signal, limits.signal])
  // All processes of a machine have the same port for their inspector unless they were told otherwise.
  using turn = await takeTurn(signal)
  if (turn === undefined) {
    limits.signal?.throwIfAborted()
    refuse(
      'busy',
      'somebody else looks into a process of this machine; one at a time, since all share a port: try again',
    )
  }
  try {
    return await open(subject, limits, signal)
  } catch (error) {
    limits.signal?.throwIfAborted()
    if (error instanceof Refused) throw error
    refuseIf(whyNotIts(subject.worker))
    const why = signal.aborted
      ? `its process has not answered within ${Math.round(performance.now() - startedAt)} ms: ${whySilent(subject.worker.pid)}`
      : `its inspector cannot be talked to: ${(error as Error).message}`
    refuse('no-answer', why)
  }
}

async function open(subject: Subject, limits: Limits, signal: AbortSignal): Promise<Found> {
  const { worker } = subject
  // Before we connect to anything ourselves.
  const debugged = connectedPorts(worker.pid)
  const before = await openInspector(worker.pid, signal)
  if (before === undefined) await waitUntilHarmless(subject, signal)
  if (before === undefined) {
    subject.noteMore = () => note(subject, limits.timeoutMs + limits.samples * SAMPLE_EVERY_MS + GRACE_MS)
    subject.noteMore()
  }
  let inspector: Inspector | undefined
  let isClosed = false
  let found = before
  const isOurs = () => found === undefined || !found.wasOpen || subject.isLeftOpen
  try {
    found ??= await wake(worker, signal)
    const openedAt = performance.now()
    if (!isOurs() && debugged.has(found.socket.port)) {
      refuse('debugger-attached', 'a debugger is connected to its inspector already')
    }
    inspector = await Inspector.connect(found.url, signal)
    const { threadId } = worker
    const target = threadId === 0 ? inspector : await abortable(inspector.thread(threadId), signal)
    if (target === undefined) refuse('gone', `its process has no thread ${threadId} that answers`)
    const samples = [mapped(await abortable(stackNow(target), signal))]
    const at = performance.now()
    while (samples.length < limits.samples) {
      await abortable(delay(SAMPLE_EVERY_MS), limits.signal)
      samples.push(mapped(await abortable(stackNow(target), limits.signal)))
    }
    isClosed = await inspector.close(isOurs())
    return { samples, at, inspectorOpenMs: isOurs() ? performance.now() - openedAt : 0 }
  } catch (error) {
    isClosed = (await inspector?.close(isOurs())) ?? false
    throw error
  } finally {
    // What holds it up may be over later, and then it opens, or hears of us: its own heart closes it.
    if (isOurs()) note(subject, isClosed ? 0 : 1)
    else if (before === undefined) note(subject, 0)
  }
}

/** For how long its inspector may be open; 0: it is closed. */
function note({ board, worker }: Subject, forMs: number): void {
  if (board !== undefined && !board.isReadOnly) board.noteInspection(worker, forMs)
}

/** A signal ends some system calls with an error that a program does not expect: EINTR. Waits until it is in none. */
async function waitUntilHarmless({ worker }: Subject, signal: AbortSignal): Promise<void> {
  const { heartbeatAgeMs, heartbeatMs } = worker
  const isBlocked = heartbeatMs !== undefined && (heartbeatAgeMs ?? 0) > MISSED_BEATS * heartbeatMs
  for (let settled = false; ; settled = true) {
    // The signal goes to the main thread, whichever thread is asked about.
    const view = kernelView(worker.pid, worker.pid)
    if (view === undefined) refuse('gone', `its process ${worker.pid} has ended`)
    if (view.state === 'F')
      refuse('stopped', 'its cgroup is frozen, as by docker pause: thaw it, and it goes on')
    if (/[TtZX]/.test(view.state))
      refuse('stopped', `its process is stopped (state ${view.state}); SIGCONT lets it go on`)
    const isInLoop = isBlocked && worker.threadId === 0 && LOOPS.test(view.syscall ?? '')
    if (view.state === 'R' || (isHarmless(view) && !isInLoop)) return
    if ((settled && isBlocked) || signal.aborted) refuse('in-kernel', whereText(view, isInLoop))
    await delay(SETTLE_MS)
  }
}

function isHarmless({ state, syscall, waitsIn }: KernelView): boolean {
  if (state !== 'S') return false
  return syscall === undefined ? HARMLESS_WAITS.test(waitsIn ?? '') : HARMLESS_CALLS.test(syscall)
}

function whereText({ syscall, waitsIn }: KernelView, isInLoop: boolean): string {
  if (isInLoop) return 'it waits inside of a synchronous call (execSync, spawnSync), which runs no JavaScript'
  return `it waits in the kernel (${syscall ?? waitsIn ?? 'nobody may ask where'}), where a signal could make the call fail`
}

interface OpenInspector {
  socket: TcpSocket
  url: string
  /** Whether it listened before we have asked for it. */
  wasOpen: boolean
}

/** Node's default, and what a process was told. */
const DEFAULT_PORT = 9229
const PORT_OPTION = /--(?:inspect|debug)(?:-port|-brk|-wait)?[= ](?:[^\s:]*:|\[[^\]]*\]:)?(\d+)/g

function toldPorts(pid: number): number[] {
  const told = ['cmdline', 'environ']
    .map((name) => kernelText(`/proc/${pid}/${name}`) ?? '')
    .join('\0')
    .replaceAll('\0', ' ')
  return [...told.matchAll(PORT_OPTION)].map(([, port]) => Number(port))
}

/** The inspector of a process that listens already. Only a port that is an inspector's by its number is asked. */
async function openInspector(pid: number, signal: AbortSignal): Promise<OpenInspector | undefined> {
  const ports = new Set([DEFAULT_PORT, ...toldPorts(pid)])
  const candidates = listening(pid).filter(({ port }) => ports.has(port))
  return firstInspector(candidates, true, signal)
}

async function firstInspector(
  sockets: TcpSocket[],
  wasOpen: boolean,
  signal: AbortSignal,
): Promise<OpenInspector | undefined> {
  for (const socket of sockets) {
    const url = await debuggerUrl(socket, signal)
    if (url !== undefined) return { socket, url, wasOpen }
  }
  return undefined
}

function listening(pid: number): TcpSocket[] {
  const sockets = tcpSockets(pid).filter(({ isListening }) => isListening)
  if (sockets.length === 0) return []
  const own = socketsOf(pid)
  return sockets.filter(({ inode }) => own.has(inode))
}

/** The ports of a process to which somebody is connected. */
function connectedPorts(pid: number): Set<number> {
  const connected = tcpSockets(pid).filter(({ isConnected }) => isConnected)
  if (connected.length === 0) return new Set()
  const own = socketsOf(pid)
  return new Set(connected.filter(({ inode }) => own.has(inode)).map(({ port }) => port))
}

/** Sends the signal and waits for the inspector: the socket of that very process that was not there before. */
async function wake({ pid, processStart }: AskedWorker, signal: AbortSignal): Promise<OpenInspector> {
  const before = new Set(tcpSockets(pid).map(({ inode }) => inode))
  const failure = native.signalProcess(pid, processStart!, SIGUSR1)
  if (isFailure(failure)) {
    if (failure.code === 'GONE') refuse('gone', `its process ${pid} has ended`)
    refuse(
      'other-user',
      `SIGUSR1 cannot be sent (${failure.syscall}, errno ${failure.errno}): ${denialText(pid)}`,
    )
  }
  for (let looks = 1; ; looks++) {
    signal.throwIfAborted()
    const isNew = tcpSockets(pid).some(({ inode, isListening }) => isListening && !before.has(inode))
    const fresh = isNew ? listening(pid).filter(({ inode }) => !before.has(inode)) : []
    // One that was open on a port that nobody can guess stays where it was: after a while all that can be it are asked.
    const found =
      (await firstInspector(fresh, false, signal)) ??
      (looks % LOOKS_BEFORE_ALL === 0
        ? await firstInspector(listening(pid).filter(isLoopback), true, signal)
        : undefined)
    if (found !== undefined) return found
    await delay(LOOK_EVERY_MS)
  }
}

/** Why it may have opened no inspector, though it was asked to. */
function whySilent(pid: number): string {
  const all = tcpSockets(pid)
  const own = socketsOf(pid)
  const [port = DEFAULT_PORT] = toldPorts(pid)
  const isTaken = all.some((one) => one.isListening && one.port === port && !own.has(one.inode))
  if (isTaken) {
    return `another process here has port ${port}, where its inspector would be: start one of the two with --inspect-port=0`
  }
  const hasLoopback = Object.values(networkInterfaces()).some((all) => all?.some(({ internal }) => internal))
  return hasLoopback
    ? 'it may be in native code'
    : 'the loopback interface, where its inspector would be, is down'
}

function isLoopback({ host }: TcpSocket): boolean {
  return host.startsWith('127.') || host === '[::1]'
}
