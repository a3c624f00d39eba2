// The verbs of a queue's master, and of whoever looks at one: rollcall queue ...

import type { Command } from 'commander'
import { registerLooking } from './looking'
import { registerMaking } from './making'
import { registerQueueTop } from './top'
import { registerWaiting } from './waiting'

export function registerQueue(program: Command): void {
  const queue = program
    .command('queue')
    .summary('make, watch and end a queue that workers share')
    .description('Make, watch and end a queue that workers on many machines share.')
  registerMaking(queue)
  registerLooking(queue)
  registerQueueTop(queue)
  registerWaiting(queue)
}
