// A producer of a round: adds items in batches of many sizes until it is told to stop.

import { setTimeout as delay } from 'node:timers/promises'
import type { WatchdogError } from '../../lib'
import { codeOf, play, random } from './role'

const BATCH = 40
const PAUSE_MS = 60
const LONGEST_DELAY_MS = 800
/** Items that nobody has taken; a producer waits while there are more. */
const BACKLOG = 300

let next = 0

play(async (queue, { name, history, stopped }) => {
  await queue.attachQueue()
  while (!stopped()) {
    if ((await queue.queueCount()) > BACKLOG) {
      await delay(PAUSE_MS)
      continue
    }
    const items = Array.from({ length: 1 + random(BATCH) }, () => `${name}/${next++}`)
    const delayMs = random(4) === 0 ? random(LONGEST_DELAY_MS) : 0
    const priority = random(4) === 0 ? 1 + random(3) : 0
    const options = { priority, delayMs, ...(random(4) === 0 ? { id: (item: string) => item } : {}) }
    history.write({ op: 'adding', items, priority, delayMs })
    let isAdded = false
    try {
      await queue.add(items, options)
      isAdded = true
      // What has a name is not added again, also not by who does not know of the first.
      if (options.id !== undefined) await queue.add(items, { id: options.id })
      history.write({ op: 'added', items })
    } catch (error) {
      const isRefused = !isAdded && !(error as WatchdogError).maybeApplied
      if (isRefused && codeOf(error) === 'ERR_NO_SPACE')
        history.write({ op: 'refused', items, code: codeOf(error) })
      throw error
    }
    await delay(random(PAUSE_MS))
  }
})
