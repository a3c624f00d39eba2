#!/usr/bin/env node
// The command `rollcall`: arguments in, one call, an exit code out. A verb's own code and the addon are
// loaded only when that verb runs.

import { Command, CommanderError } from 'commander'

import { registerBoards } from './boards'
import { registerDemo } from './demo'
import { EXIT, exitCodeOf, isExpected } from './exit-codes'
import { tolerateClosedOutput } from './output'
import { registerQueue } from './queue'
import { registerRun } from './run'
import { registerServe } from './serve'
import { registerTop } from './top'
import { registerWatch } from './watch'
import { registerWork } from './work'

// As seen from the compiled file, dist/lib/cli/main.js.
const { version } = require('../../../package.json') as { version: string }

const EXIT_CODES = `
Exit codes: 0 fine; 64 usage; 65 bad data; 66 no such board or queue; 69 not possible here; 70 a bug of ours; 71 the
system refused; 73 exists already; 74 no space or broken disk; 75 try again; 77 permission.

Examples:
  $ rollcall demo
  $ rollcall ls /run/app
  $ rollcall top /run/app`

function createProgram(): Command {
  const program = new Command('rollcall')
    .description('Who is alive, what is each worker doing, and is the work done?')
    .version(version, '-V, --version')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'rollcall:')) })
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
  return program
}

async function main(argv: string[]): Promise<void> {
  tolerateClosedOutput()
  // Node's own code for this is 1, which here would speak of failed work.
  process.on('uncaughtException', (error) => {
    report(error)
    process.exit(EXIT.bug)
  })
  try {
    await createProgram().parseAsync(argv)
  } catch (error) {
    process.exitCode = report(error)
  }
}

function report(error: unknown): number {
  // Commander has printed its own already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage

  const code = (error as NodeJS.ErrnoException | undefined)?.code
  const text = isExpected(error) ? `${error.message}${code ? ` [${code}]` : ''}` : (error as Error)?.stack
  process.stderr.write(`rollcall: ${text ?? String(error)}\n`)
  return exitCodeOf(error)
}

void main(process.argv)
