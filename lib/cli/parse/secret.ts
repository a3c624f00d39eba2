// Secrets that a command is given by a file: every user of the machine can read a command line.

import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'

const MAX_LENGTH = 4096

/** A parser of files with a secret on their first line; a pipe of the shell is one. */
export function secretIn(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new InvalidArgumentError(`Cannot read it: ${(error as Error).message}.`)
  }
  const [line] = text.split(/\r?\n/, 1)
  if (line === '' || line === undefined || line.length > MAX_LENGTH) {
    throw new InvalidArgumentError(`Expected a secret of at most ${MAX_LENGTH} characters on its first line.`)
  }
  return line
}
