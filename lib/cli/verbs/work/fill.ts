// The queue of a list, `-a FILE`: made of its lines, or taken up where it was left. Lines that were appended since are
// added; another list is refused.

import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import { WatchdogError } from '../../../util/errors'
import { type LineItem, readItems } from '../../parse/items'
import { note } from '../../support/output'
import type { WorkFlags } from './options'

export async function fill(queue: WatchdogQueue<LineItem>, flags: WorkFlags): Promise<void> {
  const items = readItems(flags.argFile!, flags.null ?? false)
  await queue
    .createQueue({
      queue: items,
      maxAttempts: flags.attempts ?? 3,
      ...watchdog(flags),
      ifExists: flags.new ? 'replace' : 'extend',
    })
    .catch((error) => {
      throw withRemedy(error)
    })
  const { total, done, dead } = await queue.counts()
  if (dead > 0 && flags.retryFailed) {
    note(`queued ${await queue.redrive()} failed items again`)
    return
  }
  if (total === 0) note(`there are no items in ${flags.argFile}`)
  else if (done + dead === total) {
    const failed = dead > 0 ? ` (${dead} failed: --retry-failed tries them again)` : ''
    note(`nothing is left of the ${total} items of ${flags.queue}${failed}; --new does them all again`)
  }
}

function watchdog({ timer, onExpire, backoff }: WorkFlags) {
  return {
    ...(timer === undefined ? {} : { timerMs: timer }),
    ...(onExpire === undefined ? {} : { onExpire }),
    ...(backoff === undefined ? {} : { backoff: { delayMs: backoff } }),
  }
}

function withRemedy(error: unknown): unknown {
  if (!(error instanceof WatchdogError) || error.code !== 'ERR_EXISTS') return error
  return new WatchdogError(error.code, `${error.message}. --new starts over with this list`, { cause: error })
}
