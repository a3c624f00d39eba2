// A manager of a round: listens to the events, and looks at the timers all the time.

import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from './history'
import { play, random } from './role'

const PAUSE_MS = 300

play(async (queue, { name, history }, number) => {
  await queue.attachQueue()
  const subscription = `${name}.${number}`
  let isDone = false
  const abort = new AbortController()
  const listening = (async () => {
    history.write({ op: 'subscribed', subscription })
    for await (const { type, timer, item } of queue.events({ signal: abort.signal })) {
      if (type === 'kicked') continue
      history.write({ op: 'event', subscription, type, timer, item })
      if (type === 'done') isDone = true
    }
  })().catch((error) => {
    if (!abort.signal.aborted) throw error
  })
  const looking = (async () => {
    while (!isDone) {
      const askedAt = monotonicMs()
      const timers = await queue.getTimers()
      history.write({ op: 'seen', askedAt, timers: timers.map(({ id, state }) => [id, state]) })
      await delay(random(PAUSE_MS))
    }
    // A second "done" would come at once.
    await delay(PAUSE_MS)
    abort.abort()
  })()
  try {
    await Promise.all([listening, looking])
  } finally {
    abort.abort()
  }
  history.write({ op: 'unsubscribed', subscription })
})
