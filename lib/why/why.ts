// What users call of this room. Its insides, and with them Node's network modules, are loaded by the first call.

import type { AnyScoreboard } from '../scoreboard/scoreboard'
import type { AskedWorker, StackOptions, WorkerStack } from './types'

const inside = () => require('./stack-of') as typeof import('./stack-of')

/**
 * Where a living worker is, now: its stack of JavaScript, be it in an endless loop, in a regular expression or in
 * `Atomics.wait`, in its main thread or in a worker thread; or why there is none, and what the kernel knows. The worker
 * is not stopped and goes on unharmed. Node's inspector of its process is open meanwhile, to every user of the machine.
 *
 * @param worker of `snapshot()`, `changes()` or `watch()`
 * @throws {TypeError | RangeError} an option is wrong
 */
export async function stackOf(worker: AskedWorker, options: StackOptions = {}): Promise<WorkerStack> {
  return inside().stackOf(worker, options)
}

/**
 * Closes inspectors that somebody has opened for a stack and, killed meanwhile, has not closed.
 *
 * @param board open for writing
 * @returns how many
 */
export async function closeLeftInspectors(board: AnyScoreboard): Promise<number> {
  return inside().closeLeftInspectors(board)
}
