#!/usr/bin/env node
// The command `rollcall`: arguments in, one call, an exit code out. A verb's own code and the addon are
// loaded only when that verb runs.

import { CommanderError } from 'commander'
import { redactWords } from '../util/redact'
import { createProgram } from './program'
import { EXIT, exitCodeOf, isExpected } from './support/exit-codes'
import { inFlags } from './support/flag-words'
import { isClosedOutput, note, noteLines } from './support/output'

// As seen from the compiled file, dist/lib/cli/main.js.
const { version } = require('../../../package.json') as { version: string }

async function main(argv: string[]): Promise<void> {
  // Node's own code for this is 1, which here would speak of failed work.
  process.on('uncaughtException', (error) => {
    if (isClosedOutput(error)) return
    report(error)
    process.exit(exitCodeOf(error))
  })
  try {
    await createProgram(version, argv[2]).parseAsync(argv)
  } catch (error) {
    process.exitCode = report(error)
  }
}

function report(error: unknown): number {
  // Commander has printed its own already.
  if (error instanceof CommanderError) {
    // Its own code for whatever is wrong; a verb may have another.
    return error.exitCode === 1 ? EXIT.usage : error.exitCode
  }

  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (isExpected(error)) note(redactWords(`${inFlags(error.message)}${code ? ` [${code}]` : ''}`))
  else noteLines(redactWords(`rollcall: ${(error as Error)?.stack ?? String(error)}`))
  return exitCodeOf(error)
}

// Once this file is loaded: the verbs take what they share with it out of its bundle.
queueMicrotask(() => void main(process.argv))
