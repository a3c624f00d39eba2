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
import { blockedText, stackLines } from '../../why/stack-text'
import type { WorkerStack } from '../../why/types'
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
  const forMs = blockedForMs(worker, options.blocked)
  if (options.json) {
    print(JSON.stringify({ ...stack, blockedForMs: forMs }))
  } else {
    const head = `${escapeControls(worker.id)}  pid ${worker.pid}  ${blockedText(forMs)}  `
    const { columns } = outputStyle()
    print(cut(head + doingText(worker.status, columns), columns).trimEnd())
    for (const line of stackLines(stack)) print(line)
  }
  return exitCodeFor(stack)
}

function exitCodeFor({ refusal }: WorkerStack): number {
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
  const { id, pid, processStart = 0, pidNamespace, state } = worker
  const attempt = `Cannot send ${options.signal} to worker ${id}, process ${pid}`
  if (state === 'dead') throw new CliError(EXIT.notFound, `${attempt}: it is dead`)
  if (pidNamespace !== native.pidNamespace) {
    const why =
      'it runs in another pid namespace (another container), where that pid is another process than here'
    throw new CliError(EXIT.unreachable, `${attempt}: ${why}`)
  }
  const failure = native.signalProcess(pid, processStart, signal)
  if (isFailure(failure)) {
    if (failure.code === 'GONE') throw new CliError(EXIT.notFound, `${attempt}: it has ended`)
    const isForbidden = errnoName(failure.errno!) === 'EPERM'
    const why = isForbidden ? 'it belongs to another user; be that user or root' : `${failure.syscall} failed`
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
