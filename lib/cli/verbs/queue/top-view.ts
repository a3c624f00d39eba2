// What `queue top` does: on a terminal a screen that lives, elsewhere a round of text or JSON at a time.

import { setTimeout as delay } from 'node:timers/promises'

import { matches } from '../../../terminal/live/list-model'
import { ListView } from '../../../terminal/live/list-view'
import { type QUEUE_SORTS, QueueSource } from '../../../terminal/live/queue-source'
import { showLive } from '../../../terminal/screen'
import type { QueueOptions } from '../../parse/queue-flags'
import { useQueue } from '../../support/open-queue'
import { isScreen, outputStyle, print } from '../../support/output'
import { StopSignal } from '../../support/stop-signal'

export interface QueueTopOptions extends QueueOptions {
  /** Milliseconds. */
  interval: number
  rounds?: number
  sort: keyof typeof QUEUE_SORTS
  reverse?: boolean
  filter?: string
  json?: boolean
}

/** Watches a queue until somebody has seen enough. */
export async function queueTop(options: QueueTopOptions): Promise<void> {
  using stop = new StopSignal()
  try {
    await useQueue(
      options,
      async (queue) => {
        const source = new QueueSource(options.queue!, queue)
        const isLive = isScreen() && !options.json && options.rounds === undefined
        if (!isLive) return queueTopAsText(source, options, stop)
        // What is wrong from the start is told where it can be read, not on a screen that vanishes.
        await source.refresh()
        await showLive(new ListView(source, options, outputStyle().colors), stop)
      },
      stop.signal,
    )
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  process.exitCode = stop.exitCode
}

async function queueTopAsText(
  source: QueueSource,
  options: QueueTopOptions,
  stop: StopSignal,
): Promise<void> {
  const { sort, reverse = false, filter = '' } = options
  for (let round = 1; !stop.signal.aborted; round += 1) {
    await source.refresh()
    if (options.json) {
      print(JSON.stringify(source.round({ sort, reverse }, (row) => matches(source.textOf(row), filter))))
    } else {
      const { columns } = outputStyle()
      const rows = source.rows({ sort, reverse }).filter((row) => matches(source.textOf(row), filter))
      const table = rows.length === 0 ? [] : source.table(rows, columns)
      print([`${new Date().toISOString()}  ${source.head(columns).join('\n')}`, ...table, ''].join('\n'))
    }
    if (round === options.rounds) return
    // Rejects when it is time to stop, which the loop's condition says better.
    await delay(options.interval, undefined, { signal: stop.signal }).catch(() => {})
  }
}
