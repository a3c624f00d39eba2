// The queue of a list, `-a FILE`: made of its lines, or taken up where it was left. Lines that were appended since are
// added; another list is refused, and another command, for which the items would count as done.

import { createHash } from 'node:crypto'
import type { WatchdogQueue } from '../../../queue/watchdog-queue'
import { WatchdogError } from '../../../util/errors'
import { redactWords } from '../../../util/redact'
import { type LineItem, readItems } from '../../parse/items'
import { note } from '../../support/output'
import { shellQuoted } from './command-line'
import type { WorkFlags } from './options'

const MAX_COMMAND = 1000

export async function fill(
  queue: WatchdogQueue<LineItem>,
  words: readonly string[],
  flags: WorkFlags,
): Promise<void> {
  if (flags.new) await destroyOld(queue)
  const items = readItems(flags.argFile!, flags.null ?? false)
  await queue
    .createQueue({
      queue: items,
      maxAttempts: flags.attempts ?? 3,
      ...watchdog(flags),
      ifExists: 'extend',
      purpose: commandText(words),
      changePurpose: flags.changeCommand ?? false,
    })
    .catch((error) => {
      throw withRemedy(error, flags)
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

/** Of the list: what is made instead is to grow with it. */
async function destroyOld(queue: WatchdogQueue<LineItem>): Promise<void> {
  await queue.destroy().catch((error: WatchdogError) => {
    if (error.code !== 'ERR_NOT_FOUND') throw error
  })
}

/** What tells one command from another, for people. */
function commandText(words: readonly string[]): string {
  const text = redactWords(shellQuoted(words))
  if (text.length <= MAX_COMMAND) return text
  return `${text.slice(0, MAX_COMMAND)}... (${createHash('sha256').update(text).digest('hex')})`
}

function watchdog({ timer, onExpire, backoff }: WorkFlags) {
  return {
    ...(timer === undefined ? {} : { timerMs: timer }),
    ...(onExpire === undefined ? {} : { onExpire }),
    ...(backoff === undefined ? {} : { backoff: { delayMs: backoff } }),
  }
}

function withRemedy(error: unknown, { argFile }: WorkFlags): unknown {
  if (!(error instanceof WatchdogError) || error.code !== 'ERR_EXISTS') return error
  const remedy = error.message.includes('was begun for something else')
    ? `. For a second step on the same list name a queue of its own (-q ${argFile === '-' ? 'list' : argFile}.step2.queue); --new does all of the list again; --change-command goes on with what is left`
    : '. --new starts over with this list'
  return new WatchdogError(error.code, error.message + remedy, { cause: error })
}
