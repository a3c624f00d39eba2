// What every help has, whoever wrote it: lines that fit, and the exit codes.

import type { Command } from 'commander'
import { durationText } from '../parse/duration'
import { EXIT, exitCodesText } from './exit-codes'

const WIDTH = 80

const { fine, usage, badData, notFound, unreachable, io, tryAgain, permission } = EXIT
const COMMON = exitCodesText([fine, usage, badData, notFound, unreachable, io, tryAgain, permission])

/** Adds the exit codes to each verb that does not say its own. */
export function withExitCodes(command: Command): void {
  for (const verb of command.commands) {
    withExitCodes(verb)
    if (verb.commands.length === 0 && !/exit codes?/i.test(textAfter(verb)))
      verb.addHelpText('after', `\n${COMMON}`)
  }
}

/** Says the default of each option that takes a duration as it would be given. */
export function withDurationDefaults(command: Command): void {
  for (const verb of command.commands) {
    withDurationDefaults(verb)
    for (const option of verb.options) {
      const { flags, defaultValue } = option
      if (flags.endsWith('<duration>') && typeof defaultValue === 'number')
        option.default(defaultValue, durationText(defaultValue))
    }
  }
}

/** What stands behind the options. */
function textAfter(verb: Command): string {
  let text = ''
  const write = (piece: string) => {
    text += piece
  }
  // Commander's commands are emitters, which its types leave out.
  const emitter = verb as unknown as NodeJS.EventEmitter
  emitter.emit('afterHelp', { error: false, command: verb, write })
  return text
}

/** Lines that are too long go on in the next, as far to the right; a command with a backslash, as a shell takes it. */
export function fitted(text: string): string {
  return text.split('\n').flatMap(fitLine).join('\n')
}

function fitLine(line: string): string[] {
  if (line.length <= WIDTH) return [line]
  const isCommand = /^\s*\$ /.test(line)
  const indent = `${/^\s*/.exec(line)![0]}${isCommand ? '    ' : ''}`
  const room = WIDTH - (isCommand ? 2 : 0)
  const at = line.lastIndexOf(' ', room)
  if (at <= indent.length) return [line]
  const rest = `${indent}${line.slice(at + 1)}`
  return [line.slice(0, at) + (isCommand ? ' \\' : ''), ...(isCommand ? fitCommand(rest) : fitLine(rest))]
}

function fitCommand(line: string): string[] {
  if (line.length <= WIDTH) return [line]
  const indent = /^\s*/.exec(line)![0]
  const at = line.lastIndexOf(' ', WIDTH - 2)
  if (at <= indent.length) return [line]
  return [`${line.slice(0, at)} \\`, ...fitCommand(indent + line.slice(at + 1))]
}
