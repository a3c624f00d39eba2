// The verbs of a queue's master, and of whoever looks at one: rollcall queue ...

import type { Command } from 'commander'
import { redactWords } from '../../../util/redact'
import { CliError, EXIT } from '../../support/exit-codes'
import { noteLines } from '../../support/output'
import { withVerbHint } from '../../support/verb-hints'
import { registerLooking } from './looking'
import { registerMaking } from './making'
import { registerQueueTop } from './top'
import { registerWaiting } from './waiting'

/** A verb that is none is answered with those that are. */
function withVerbs(text: string, queue: Command, program: Command): string {
  const message = withVerbHint(text.replace(/^error:/, 'rollcall:'), program)
  if (!message.includes('unknown command')) return message
  const verbs = queue
    .createHelp()
    .visibleCommands(queue)
    .map((verb) => verb.name())
  return `${message.trimEnd()}\nThe verbs of rollcall queue: ${verbs.join(', ')}.\n`
}

export function registerQueue(program: Command): void {
  const queue = program
    .command('queue')
    .summary('make, watch and end a queue that workers share')
    .description('Make, watch and end a queue that workers on many machines share.')
    .configureOutput({
      outputError: (text) => noteLines(redactWords(withVerbs(text, queue, program)).trimEnd()),
    })
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
