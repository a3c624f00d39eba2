// The options of `rollcall work`, in groups.

import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { integerFrom } from '../../parse/arguments'
import { durationFrom } from '../../parse/duration'
import { fleetUrl } from '../../parse/fleet-flags'
import { type QueueOptions, withWaitQueue } from '../../parse/queue-flags'
import { type KickFlags, withKicks } from '../../support/signs-of-life'
import { type HaltRule, parseHalt } from './halt'
import type { OutputFlags } from './output'

export interface WorkFlags extends QueueOptions, KickFlags, OutputFlags {
  jobs: number
  argFile?: string
  null?: boolean
  new?: boolean
  retryFailed?: boolean
  changeCommand?: boolean
  literalBraces?: boolean
  attempts?: number
  /** Milliseconds. */
  backoff?: number
  timer?: number
  onExpire?: 'report' | 'requeue'
  until: 'done' | 'empty'
  id?: string
  stdin?: boolean
  /** Milliseconds. */
  timeout?: number
  killAfter?: number
  drain?: number
  delay?: number
  halt?: HaltRule
  keepChildren?: boolean
  joblog?: string
  results?: string
  board?: string
  fleet?: string
  bar?: boolean
  progress?: boolean
  json?: boolean
}

const MAX_JOBS = 1000

/** `4`, or `50%` of the cores. */
export function parseJobs(text: string): number {
  const [, number, percent] = /^(\d+)(%?)$/.exec(text) ?? []
  const jobs =
    percent === '%'
      ? Math.max(1, Math.round((Number(number) * availableParallelism()) / 100))
      : Number(number)
  if (jobs >= 1 && jobs <= MAX_JOBS) return jobs
  throw new InvalidArgumentError(
    `Expected a whole number from 1 to ${MAX_JOBS}, or a share of the cores like 50%.`,
  )
}

export function withWorkOptions(work: Command): Command {
  withWaitQueue(work)
  work
    .optionsGroup('The list:')
    .option('-a, --arg-file <file>', 'the items are the lines of this file (-: standard input)')
    .option('-0, --null', 'the items of --arg-file end with NUL, not with the line')
    .option('--new', 'with --arg-file: start over, whatever was done before')
    .option('--retry-failed', 'with --arg-file: try the failed items again')
    .option('--change-command', 'with --arg-file: go on with a list that another command began')
    .option('--attempts <n>', 'with --arg-file: how often an item is tried (default 3)', integerFrom(1, 1000))
    .option(
      '--backoff <duration>',
      'with --arg-file: pause after a failed attempt, twice as long after each further one',
      durationFrom('1ms'),
    )
    .optionsGroup('Running:')
    .option('-j, --jobs <n>', 'how many at a time; 50%: of the cores', parseJobs, 1)
    .option('--literal-braces', "{1}, {.}, {/} and the like, GNU parallel's, are text here")
    .option('--stdin', 'the item is the standard input of the command')
    .option('--delay <duration>', 'pause between two starts', durationFrom('1ms'))
    .option('--timeout <duration>', 'end a command that runs longer: a failed attempt', durationFrom('1ms'))
    .option('--kill-after <duration>', 'kill what does not end when asked (default 10s)', durationFrom('1ms'))
    .option('--keep-children', 'leave alone what a command leaves behind')
    .optionsGroup('Ending:')
    .addOption(new Option('--until <end>', 'when to end').choices(['done', 'empty']).default('done'))
    .option('--halt <when>', "like 'soon,fail=1', 'now,fail=10%', 'now,success=1'", parseHalt)
    .option('--drain <duration>', 'at the first Ctrl-C or SIGTERM let what runs end', durationFrom('0ms'))
    .optionsGroup('Output:')
    .option('--group', 'hold the output of a command until it ends (the default)')
    .option('--line-buffer', 'pass on whole lines as they come')
    .option('--ungroup', 'commands write to this terminal themselves')
    .option('-k, --keep-order', 'show output in the order of the list')
    .option('--tag', 'begin each line with the item')
    .option('--log-dir <dir>', 'keep the output of each attempt in files there')
    .option('--joblog <file>', "a line for each attempt, in GNU parallel's columns")
    .option('--results <file>', 'what each item answered, as JSON lines')
    .option('--bar', 'show how far it is (the default on a terminal)')
    .option('--no-bar', 'do not')
    .option('--progress', 'say how far it is every 10 s, in a log')
    .option('--board <dir>', 'show each command on this board: rollcall top <dir>')
    .option('--fleet <url>', 'show each command in this fleet: rollcall top <url>', fleetUrl)
    .option('--json', 'print {"done":N,"failed":N} at the end; --joblog as JSON')
    .optionsGroup('Watchdog:')
    .option('--id <id>', "the timers' id (default: task of the array job, or host and pid)")
    .option('--timer <duration>', 'with --arg-file: silent for longer is expired', durationFrom('1ms'))
    .addOption(
      new Option('--on-expire <what>', 'with --arg-file: what then happens').choices(['report', 'requeue']),
    )
  return withKicks(work)
}
