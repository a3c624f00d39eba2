// The verbs, options and arguments of the command as plain data, taken from commander: what the completion of
// shells and the manual page are made of, so that neither can lag behind.

import type { EventEmitter } from 'node:events'
import type { Command, Option } from 'commander'

/** What a value is, for the shell that has to complete it. */
export type ValueKind = 'directory' | 'file' | 'command' | 'choice' | 'other'

export interface Value {
  /** As the help shows it: `dir`, `duration`. */
  name: string
  kind: ValueKind
  /** Of a choice. */
  choices: readonly string[]
}

export interface OptionNode {
  /** `--interval`; left out where there is a short form alone. */
  long?: string
  /** `-i` */
  short?: string
  description: string
  /** Left out where it takes none. */
  value?: Value
}

export interface ArgumentNode extends Value {
  description: string
  isVariadic: boolean
  isRequired: boolean
}

export interface CommandNode {
  /** `['rollcall', 'queue', 'top']` */
  path: readonly string[]
  summary: string
  description: string
  options: readonly OptionNode[]
  arguments: readonly ArgumentNode[]
  verbs: readonly CommandNode[]
  /** What the help says below the options: notes and examples. */
  notes: string
}

/** By what the help calls it, which is the same everywhere. A queue's URL is mostly a directory. */
const KINDS: Readonly<Record<string, ValueKind>> = {
  dir: 'directory',
  url: 'directory',
  file: 'file',
  command: 'command',
}

export function commandTree(command: Command, above: readonly string[] = []): CommandNode {
  const help = command.createHelp()
  const path = [...above, command.name()]
  return {
    path,
    summary: command.summary() || command.description(),
    description: command.description(),
    options: help.visibleOptions(command).map(optionNode),
    arguments: command.registeredArguments.map((argument) => ({
      ...value(argument.name(), argument.argChoices),
      description: argument.description,
      isVariadic: argument.variadic,
      isRequired: argument.required,
    })),
    verbs: visibleVerbs(command).map((verb) => commandTree(verb, path)),
    notes: notesOf(command),
  }
}

/** Without those that are there to say what was meant, and without commander's own. */
export function visibleVerbs(command: Command): Command[] {
  const visible = new Set(command.createHelp().visibleCommands(command))
  return command.commands.filter((verb) => visible.has(verb))
}

/** A command and all below it. */
export function everyCommand(node: CommandNode): CommandNode[] {
  return [node, ...node.verbs.flatMap(everyCommand)]
}

function optionNode(option: Option): OptionNode {
  const [, name] = /[<[]([^\]>]+)[\]>]$/.exec(option.flags) ?? []
  return {
    ...(option.long ? { long: option.long } : {}),
    ...(option.short ? { short: option.short } : {}),
    description: describe(option),
    ...(name === undefined ? {} : { value: value(name, option.argChoices) }),
  }
}

/** What the help shows beside the words of an option: where else its value may come from. */
function describe({ description, envVar }: Option): string {
  return envVar === undefined ? description : `${description} (default: $${envVar})`
}

function value(name: string, choices: readonly string[] | undefined): Value {
  const plain = name.replace(/\.\.\.$/, '')
  return { name: plain, kind: choices ? 'choice' : (KINDS[plain] ?? 'other'), choices: choices ?? [] }
}

function notesOf(command: Command): string {
  let text = ''
  // Commander keeps them as listeners of this event, and is an emitter that its types do not tell of.
  const emitter = command as Command & Pick<EventEmitter, 'emit'>
  emitter.emit('afterHelp', {
    error: false,
    command,
    write: (more: string) => {
      text += more
    },
  })
  return text.trim()
}
