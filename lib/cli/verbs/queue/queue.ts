// The verbs of a queue's master, and of whoever looks at one: rollcall queue ...

import type { Command } from 'commander'
import { CliError, EXIT } from '../../support/exit-codes'
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
  // Commander's own guess knows only the verbs of the same command.
  for (const name of ['work', 'run']) {
    queue
      .command(name, { hidden: true })
      .helpOption(false)
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        throw new CliError(EXIT.usage, `There is no queue ${name}; did you mean rollcall ${name}?`)
      })
  }
}
