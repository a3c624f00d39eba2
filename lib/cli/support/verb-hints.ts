// What somebody most likely meant whose verb is not known, where commander's own guess, a verb of the same
// command, is not enough.

import { statSync } from 'node:fs'
import type { Command } from 'commander'

import { nearestName } from '../../util/check-options'
import { redactUrl } from '../../util/redact'

const UNKNOWN = /unknown command '(.*)'\n/

/**
 * The message of an error with a guess in it, where it is about a verb that is not known.
 *
 * @param all makes the program with all of its verbs
 */
export function withVerbHint(message: string, all: () => Command): string {
  const [line, word] = UNKNOWN.exec(message) ?? []
  if (line === undefined || word === undefined) return message
  const hint = placeOf(word) ?? (message.includes('(Did you mean') ? undefined : elsewhere(word, all()))
  if (hint === undefined) return message
  return `${message.slice(0, message.indexOf(line) + line.length)}(Did you mean ${hint}?)\n`
}

/** Somebody has left out the verb. */
function placeOf(word: string): string | undefined {
  if (/^(zk|local):/i.test(word)) return `rollcall queue status --queue ${redactUrl(word)}`
  const isPath = word.includes('/') || word === '.' || word === '..'
  if (!isPath && !statSync(word, { throwIfNoEntry: false })?.isDirectory()) return undefined
  return `rollcall ls ${word}`
}

/** The same verb, or one nearly called so, of another command. */
function elsewhere(word: string, program: Command): string | undefined {
  const paths = new Map<string, string>()
  const walk = (command: Command, path: string) => {
    const visible = new Set(command.createHelp().visibleCommands(command))
    for (const verb of command.commands.filter((one) => visible.has(one))) {
      if (verb.commands.length === 0 && !paths.has(verb.name())) {
        paths.set(verb.name(), `${path} ${verb.name()}`)
      }
      walk(verb, `${path} ${verb.name()}`)
    }
  }
  walk(program, program.name())
  const name = nearestName(word, [...paths.keys()])
  return name === undefined ? undefined : paths.get(name)
}
