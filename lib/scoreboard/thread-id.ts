// Which thread this is, without loading node:worker_threads where that is not needed: it costs as much as the whole board.

import { native } from '../binding'

let known: number | undefined

/** 0 on the main thread, as `threadId` of node:worker_threads. */
export function threadId(): number {
  // No worker thread of Node runs on the first thread of its process.
  known ??= native.isFirstThread() ? 0 : process.getBuiltinModule('node:worker_threads').threadId
  return known
}
