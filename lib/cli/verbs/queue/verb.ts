// What the verbs of `rollcall queue` share.

import type { Command } from 'commander'
import type { TimerInfo } from '../../../queue/types'
import { escapeControls } from '../../../view/escape-controls'
import type { QueueOptions } from '../../parse/queue-flags'

/** What every one of them is given. */
export interface QueueFlags extends QueueOptions {
  json?: boolean
}

export function verb(queue: Command, name: string, summary: string, example: string): Command {
  return queue
    .command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    .addHelpText('after', `\nExample:\n  $ ${example}`)
}

/** One line about a worker. */
export function describeTimer({ id, state, ageMs, host, pid, code }: TimerInfo): string {
  const where = host === undefined ? '' : `\t${escapeControls(host)} ${pid}`
  const age = ageMs === undefined ? '' : `\tkicked ${(ageMs / 1000).toFixed(1)} s ago`
  return `${escapeControls(id)}\t${state}${code === undefined ? '' : ` (${code})`}${where}${age}`
}
