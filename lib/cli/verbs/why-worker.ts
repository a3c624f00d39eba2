// What `why` and `kill` do.

import { constants } from 'node:os'
import { isFailure, native } from '../../binding'
import type { Scoreboard } from '../../scoreboard/scoreboard'
import type { WorkerEntry } from '../../scoreboard/types'
import { nearestName } from '../../util/check-options'
import { errnoName } from '../../util/errno'
import { doingText } from '../../view/doing'
import { ageText, cut, escapeControls } from '../../view/text'
import { blockedForMs } from '../../view/worker-state'
import { stackOnBoard } from '../../why/on-board'
import { loopText, stackLines } from '../../why/stack-text'
import type { StackRefusal } from '../../why/types'
import { denialText, whyNotIts } from '../../why/whose-process'
import { CliError, EXIT } from '../support/exit-codes'
import { findWorker } from '../support/find-worker'
import { type BoardFlags, openToRead } from '../support/open-board'
import { note, outputStyle, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'

export interface WhyOptions extends BoardFlags {
  allBlocked?: boolean
  blocked?: number
  samples: number
  timeout: number
  inspector: boolean
  json?: boolean
}

export interface KillOptions extends BoardFlags {
  signal: string
  json?: boolean
}

export async function why(dir: string, name: string | undefined, options: WhyOptions): Promise<void> {
  if ((name === undefined) !== (options.allBlocked === true)) {
    throw new CliError(EXIT.usage, 'Expected the id of a worker, or --all-blocked')
  }
  using stop = new StopSignal()
  using board = await openToRead(dir, options)
  const { workers } = board.snapshot({ includeDead: true })
  const asked =
    name === undefined
      ? workers.filter((worker) => blockedForMs(worker, options.blocked) !== undefined)
      : [findWorker(workers, name, dir)]
  if (asked.length === 0) note(`nobody on ${dir} is blocked`)
  let code: number = EXIT.fine
  for (const worker of asked) code = (await show(board, worker, options, stop)) || code
  process.exitCode = code
}

async function show(
  board: Scoreboard,
  worker: WorkerEntry,
  options: WhyOptions,
  stop: StopSignal,
): Promise<number> {
  const { timeout: timeoutMs, samples, inspector } = options
  const stack = await stackOnBoard(board, worker, { timeoutMs, samples, inspector, signal: stop.signal })
  if (options.json) {
    print(JSON.stringify({ ...stack, blockedForMs: blockedForMs(worker, options.blocked) }))
  } else {
    const head = `${escapeControls(worker.id)}  pid ${worker.pid}  ${loopText(worker, stack, options.blocked)}  `
    const { columns } = outputStyle()
    print(cut(head + doingText(worker.status, columns), columns).trimEnd())
    for (const line of stackLines(stack)) print(line)
  }
  return exitCodeFor(stack.refusal)
}

function exitCodeFor(refusal: StackRefusal | undefined): number {
  switch (refusal?.code) {
    case undefined:
    case 'not-wanted':
      return EXIT.fine
    case 'dead':
    case 'gone':
      return EXIT.notFound
    case 'other-user':
      return EXIT.permission
    case 'busy':
      return EXIT.tryAgain
    default:
      return EXIT.unreachable
  }
}

export async function kill(dir: string, name: string, options: KillOptions): Promise<void> {
  const signal = signalNumber(options.signal)
  using board = await openToRead(dir, options)
  const worker = findWorker(board.snapshot({ includeDead: true }).workers, name, dir)
  const { id, pid, processStart = 0 } = worker
  const attempt = `Cannot send ${options.signal} to worker ${id}, process ${pid}`
  const refusal = whyNotIts(worker)
  if (refusal !== undefined) throw new CliError(exitCodeFor(refusal), `${attempt}: ${refusal.message}`)
  const failure = native.signalProcess(pid, processStart, signal)
  if (isFailure(failure)) {
    if (failure.code === 'GONE') throw new CliError(EXIT.notFound, `${attempt}: it has ended`)
    const isForbidden = errnoName(failure.errno!) === 'EPERM'
    const why = isForbidden ? denialText(pid) : `${failure.syscall} failed`
    throw new CliError(isForbidden ? EXIT.permission : EXIT.system, `${attempt}: ${why}`)
  }
  const named = signalName(signal)
  const forMs = blockedForMs(worker)
  if (options.json) {
    print(JSON.stringify({ id, pid, signal: named, blockedForMs: forMs }))
    return
  }
  print(`sent ${named} to ${escapeControls(id)}, pid ${pid}`)
  if (forMs !== undefined && !NEED_NO_HANDLER.has(named)) {
    print(`it is blocked for ${ageText(forMs)}, so no handler of JavaScript can run; --signal KILL ends it`)
  }
}

/** The kernel alone does what they are for. */
const NEED_NO_HANDLER = new Set(['SIGKILL', 'SIGSTOP', 'SIGCONT'])

function signalNumber(text: string): number {
  const all = constants.signals as Record<string, number>
  const name = text.toUpperCase().replace(/^(SIG)?/, 'SIG')
  const number =
    all[name] ?? (/^\d+$/.test(text) && Object.values(all).includes(Number(text)) ? Number(text) : undefined)
  if (number !== undefined) return number
  // Names this short are near to each other without meaning the same: those that begin alike.
  const alike = Object.keys(all).filter((one) => one.startsWith(name.slice(0, 'SIG'.length + 2)))
  const nearest = nearestName(name, alike)
  throw new CliError(
    EXIT.usage,
    `Expected a signal like TERM, KILL or 9, got '${text}'${nearest ? `; did you mean ${nearest}?` : ''}`,
  )
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, one]) => one === number)![0]
}
