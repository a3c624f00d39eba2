// What somebody most likely meant whose verb is not known, where commander's own guess, a verb of the same
// command, is not enough.

import { statSync } from 'node:fs'
import type { Command } from 'commander'

import { nearestName } from '../../util/check-options'
import { redactUrl } from '../../util/redact'
import { schemeOf } from '../../util/schemes'

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

/** Words of GNU parallel that `rollcall work` has others for. */
const OF_PARALLEL: Readonly<Record<string, string>> = {
  '--retries': '--attempts <n>',
  '--resume': 'the default; --new starts over',
  '--resume-failed': '--retry-failed',
  '--eta': '--bar',
  '--lb': '--line-buffer',
  '-u': '--ungroup',
  '--colsep': 'sh -c \'set -- $0; CMD "$1" "$2"\' {}',
  '--pipe': '--stdin',
  '-S': 'a queue on ZooKeeper: --queue zk://host/path, on each machine',
  '--sshlogin': 'a queue on ZooKeeper: --queue zk://host/path, on each machine',
}

/** The same for an option of `work` that is not known here, where it is another tool's. */
export function withOptionHint(message: string, verb: string | undefined): string {
  const [line, option = ''] = /unknown option '(.*)'\n/.exec(message) ?? []
  const here = verb === 'work' ? OF_PARALLEL[option] : undefined
  if (line === undefined || here === undefined) return message
  return `${message.slice(0, message.indexOf(line) + line.length)}(GNU parallel has it. Here it is ${here})\n`
}

/** A verb that a command with verbs of its own does not have is answered with those that it has. */
export function withVerbsOf(message: string, program: Command, name: string | undefined): string {
  const command = program.commands.find((one) => one.name() === name && one.commands.length > 0)
  if (command === undefined || !UNKNOWN.test(message)) return message
  const verbs = command.createHelp().visibleCommands(command)
  const names = verbs.map((verb) => verb.name()).join(', ')
  return `${message.trimEnd()}\nThe verbs of rollcall ${name}: ${names}.\n`
}

/** Somebody has left out the verb. */
function placeOf(word: string): string | undefined {
  if (schemeOf(word) !== undefined) {
    const url = redactUrl(word)
    return `rollcall ls ${url}, of a fleet, or rollcall queue status --queue ${url}`
  }
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
