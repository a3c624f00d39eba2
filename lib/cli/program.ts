// All verbs of `rollcall`, and what its help says. Builds the program; running it is main.ts.

import { Command } from 'commander'
import { withVerbHint } from './support/verb-hints'
import { registerBoards } from './verbs/boards'
import { registerCompletion } from './verbs/completion'
import { registerDemo } from './verbs/demo'
import { registerQueue } from './verbs/queue/queue'
import { registerRun } from './verbs/run'
import { registerServe } from './verbs/serve'
import { registerTop } from './verbs/top'
import { registerWatch } from './verbs/watch'
import { registerWork } from './verbs/work/work'

const EXIT_CODES = `
Exit codes: 0 fine; 64 usage; 65 bad data; 66 no such board or queue; 69 not possible here; 70 a bug of ours; 71 the
system refused; 73 exists already; 74 no space or broken disk; 75 try again; 77 permission.

Examples:
  $ rollcall demo
  $ rollcall ls /run/app
  $ rollcall top /run/app`

export function createProgram(version: string): Command {
  const program = new Command('rollcall')
  program
    .description('Who is alive, what is each worker doing, and is the work done?')
    .version(version, '-V, --version')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      outputError: (text, write) => write(withVerbHint(text.replace(/^error:/, 'rollcall:'), program)),
    })
    .showHelpAfterError('(--help tells more, with an example)')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', EXIT_CODES)
  registerBoards(program)
  registerTop(program)
  registerWatch(program)
  registerServe(program)
  registerDemo(program)
  registerQueue(program)
  registerRun(program)
  registerWork(program)
  registerCompletion(program)
  return program
}
